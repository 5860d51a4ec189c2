// The fields beside a task: why, a comment, what is wrong with the prompt, flags and scores of the answers.

import { flagBoxes, missingScore, readCards } from "./cards.js";
import { isRanked } from "./kinds.js";

const $ = id => document.getElementById(id);

const asksWhy = (task, me) => me.reason !== "none" && (isRanked(task.kind) || task.kind === "review");

export function showBeside(task, given, me) {
  $("comment").value = given?.comment ?? "";
  $("why").value = given?.reason ?? "";
  $("why-box").hidden = !asksWhy(task, me);
  $("why-label").textContent = me.reason === "required" ? "Why? (required)" : "Why? (optional)";
  $("prompt-flags").replaceChildren(...flagBoxes(me.flags, given?.prompt_flags));
  $("prompt-flags-box").open = (given?.prompt_flags?.length ?? 0) > 0;
}

/** What stands in them, as part of a judgement. */
export const readBeside = () => ({
  comment: $("comment").value.trim() || null,
  reason: $("why").value.trim() || null,
  prompt_flags: [...$("prompt-flags").querySelectorAll("input:checked")].map(box => box.value),
  ...readCards($("answers")),
});

/** What lacks in them, in words; null where nothing does. */
export const missingBeside = (task, me) => missingScore($("answers"))
  ?? (asksWhy(task, me) && me.reason === "required" && $("why").value.trim() === "" ? "Say why first: it is asked for below." : null);

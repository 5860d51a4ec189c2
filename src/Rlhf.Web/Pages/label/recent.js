// The last tasks of a labeler, to be changed.

import { get } from "./api.js";
import { wordsOf } from "./kinds.js";
import { showText } from "./text.js";

const $ = id => document.getElementById(id);

/** Opens the list. @param edit opens one of them: a task's number. @param complain is told what went wrong. */
export async function showRecent(edit, complain) {
  const done = await get("/api/recent");
  $("recent-list").replaceChildren(...done.map(one => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dir = "auto";
    button.className = "link";
    showText(button, one.prompt.trim() || "(an empty prompt)");
    button.addEventListener("click", () => edit(one.task).catch(problem => { $("recent").close(); complain(problem.message); }));
    const kind = one.kind === "rank" ? "" : wordsOf(one.kind).title.toLowerCase();
    const notes = [kind, one.cannot_judge && (kind ? "skipped" : "not judged")].filter(Boolean).join(", ");
    item.append(button, notes ? ` (${notes})` : "");
    return item;
  }));
  if (done.length === 0) {
    $("recent-list").textContent = "None yet.";
  }
  $("recent").showModal();
}

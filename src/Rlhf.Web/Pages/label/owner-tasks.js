// Looking for tasks: by words, kind, round, state, labeler.

import { get } from "./api.js";
import { fillBody, isNew } from "./owner-tables.js";
import { wordsOf } from "./kinds.js";

const $ = id => document.getElementById(id);
let found = [];
let next = null;

/** Offers rounds and labelers; what was chosen stays. */
export function offerFilters(rounds, labelers) {
  for (const [id, names] of [["find-round", rounds.map(one => one.round)], ["find-labeler", labelers.map(one => one.name)]]) {
    if (isNew(id, names)) {
      const chosen = $(id).value;
      $(id).replaceChildren(new Option("any", ""), ...names.map(name => new Option(name)));
      $(id).value = names.includes(chosen) ? chosen : "";
    }
  }
}

/** @param isMore goes on where the last search ended. */
export async function find(taskButton, isMore) {
  const query = new URLSearchParams(Object.entries({
    text: $("find-text").value.trim(), kind: $("find-kind").value, round: $("find-round").value, state: $("find-state").value, labeler: $("find-labeler").value,
    after: isMore && next !== null ? String(next) : "",
  }).filter(([, value]) => value !== ""));
  const answer = await get(`/api/owner/tasks?${query}`);
  found = isMore ? [...found, ...answer.tasks] : answer.tasks;
  next = answer.next;
  fillBody($("found"), found, one => [
    one.prompt.trim() || "(an empty prompt)", wordsOf(one.kind).title, one.round, one.done, one.skipped, taskButton(one.id, one.decided ? "Decided" : "Look")], true);
  $("find-more").hidden = next === null;
  return found.length === 0 && next === null ? "No such task." : `${found.length} ${found.length === 1 ? "task" : "tasks"}${next === null ? "" : "; there are more to look at"}`;
}

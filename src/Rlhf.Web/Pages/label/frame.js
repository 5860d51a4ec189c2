// What stands around a task: title, headings, buttons, how far everybody is, what is saved; and the page without a task.

import { wordsOf } from "./kinds.js";

const $ = id => document.getElementById(id);

/** @param isPair whether two answers are voted on. @param isEdit whether an earlier task is changed. */
export function showFrame(task, isPair, isEdit) {
  const words = wordsOf(task.kind);
  $("title").textContent = words.title;
  document.title = `${words.title} · RLHF.NET`;
  $("prompt-title").textContent = words.prompt;
  $("answers-title").textContent = words.answers;
  $("side-title").textContent = words.side;
  $("cannot").textContent = words.skip;
  $("compare").hidden = $("reason-answers").hidden = task.responses.length < 2;
  $("task").classList.toggle("pair", isPair);
  Object.assign($("task").dataset, { kind: task.kind, answers: String(task.responses.length), task: String(task.id) });
  $("cancel-edit").hidden = !isEdit;
  $("submit").textContent = isEdit ? "Save the change" : "Submit";
  $("submit").disabled = false;
  $("deciding").hidden = $("said-by").hidden = true;
  $("task").inert = false;
  $("task").hidden = false;
  $("empty").hidden = true;
}

export function showEmpty(paused) {
  $("task").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = paused ? "The work is paused" : "Nothing to do";
  $("empty-text").textContent = paused ? "The owner has paused it. What you have done is saved." : "There is no task for you now. Thank you for your work.";
}

export function showProgress({ mine, done, wanted }) {
  $("progress").value = wanted > 0 ? done / wanted : 0;
  $("progress-text").textContent = `${mine} by you, ${done} of ${wanted} by all`;
}

/** @param unsaved tasks that are on their way. @param trouble why they do not arrive. */
export function showSaving(unsaved, trouble, signedOut) {
  $("saved").textContent = trouble ? `Not saved yet, trying again: ${trouble}` : unsaved > 0 ? "Saving …" : "Saved";
  $("saved").classList.toggle("error", Boolean(trouble));
  $("sign-in").hidden = !signedOut;
}

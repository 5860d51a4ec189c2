// Two answers of a task beside each other, word by word.

import { showDifference } from "./diff.js";
import { letterOf } from "./drag.js";

const $ = id => document.getElementById(id);
let answers = [];

/** Opens the dialog on two of the answers. */
export function compare(responses, first, second) {
  answers = responses;
  for (const [id, chosen] of [["compare-first", first], ["compare-second", second]]) {
    $(id).replaceChildren(...responses.map((_, answer) => new Option(letterOf(answer), String(answer))));
    $(id).value = String(chosen);
  }
  draw();
  $("compare-box").showModal();
}

function draw() {
  showDifference($("difference"), answers[Number($("compare-first").value)], answers[Number($("compare-second").value)]);
}

/** Listens to the choice of answers. */
export function enableComparing() {
  $("compare-first").addEventListener("change", draw);
  $("compare-second").addEventListener("change", draw);
}

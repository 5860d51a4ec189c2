// What labelers said of a task that an owner decides, in the letters that the owner sees.

import { flagName } from "./cards.js";
import { letterOf } from "./drag.js";
import { showText } from "./text.js";

export function showSaid(list, said) {
  list.hidden = said.length === 0;
  list.replaceChildren(...said.map(({ labeler, judgement }) => {
    const line = document.createElement("li");
    line.dir = "auto";
    showText(line, `${labeler}: ${wordsOf(judgement)}`);
    return line;
  }));
}

function wordsOf(judgement) {
  const scores = judgement.scores.flatMap((own, answer) => Object.entries(own).map(([name, score]) => `${letterOf(answer)} ${name} ${score}`));
  const flags = judgement.flags.flatMap((own, answer) => own.map(flag => `${letterOf(answer)} ${flagName(flag).toLowerCase()}`));
  const parts = [
    judgement.cannot_judge && `skipped: ${judgement.cannot_judge}`, judgement.verdict, judgement.tiers?.map(tier => tier.map(letterOf).join(" = ")).join(" > "),
    judgement.corrected !== null && judgement.corrected !== undefined && `${letterOf(judgement.corrected)} mended`, judgement.written && `“${judgement.written}”`,
    judgement.use_case, scores.join(", "), flags.join(", "), judgement.reason && `why: ${judgement.reason}`, judgement.comment && `comment: ${judgement.comment}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

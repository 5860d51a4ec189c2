// One labeler, such as a model that judges, against all others.

import { get } from "./api.js";
import { element, isNew, listed, share, tableOf } from "./owner-tables.js";

const $ = id => document.getElementById(id);
const names = ["the first is better", "a tie", "the second is better"];

/** Offers everybody who has ranked; the choice stays. */
export function offerJudges(labelers) {
  if (isNew("judge", labelers.map(one => one.name))) {
    const chosen = $("judge").value;
    $("judge").replaceChildren(new Option("choose …", ""), ...labelers.map(one => new Option(one.name)));
    $("judge").value = labelers.some(one => one.name === chosen) ? chosen : "";
  }
}

export async function compareJudge() {
  if ($("judge").value === "") {
    $("judged").replaceChildren();
    return;
  }
  const found = await get(`/api/owner/against?${new URLSearchParams({ labeler: $("judge").value })}`);
  const figures = document.createElement("dl");
  figures.className = "figures";
  figures.append(...listed([
    ["Prompts that both ranked", String(found.prompts)],
    ["Pairs on which both say the same", share(found.agreement)],
    ["The same among the others, on these prompts", share(found.between)],
    ...found.criteria.map(one => [`Prefers what others score higher: ${one.name}`, share(one.agreement)]),
  ]));
  $("judged").replaceChildren(figures, ...(found.prompts === 0 ? [] : [
    element("h3", "Pairs of answers, in the order in which they were imported"),
    tableOf(["pairs of answers", ...names.map(name => `${found.judge}: ${name}`)], found.confusion.map((row, said) => [`others: ${names[said]}`, ...row])),
  ]));
}

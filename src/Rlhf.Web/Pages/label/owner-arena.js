// What people said of models: strengths of all, who won against whom, prompt by prompt, and each pair by itself.

import { element, listed, redraw, share, tableOf } from "./owner-tables.js";

/** @param taskButton makes a button that shows a task. */
export function showArenas(place, arenas, table, taskButton) {
  redraw(place, [...(table ? tableParts(table, taskButton) : []), ...arenas.flatMap(pairParts)]);
}

function tableParts({ models, strengths, wins, prompts }, taskButton) {
  const interval = one => `${one.value.toFixed(2)} [${one.low.toFixed(2)}, ${one.high.toFixed(2)}]`;
  const byPrompt = document.createElement("details");
  byPrompt.append(element("summary", `Votes by prompt (${prompts.length})`), tableOf(["prompt", "votes", ""], prompts.map(one => [
    one.prompt.trim() || "(an empty prompt)", Object.entries(one.votes).map(([said, count]) => `${count} × ${said}`).join("; "), taskButton(one.task, "Look")])));
  return [
    element("h3", "All models"),
    element("p", "Bradley-Terry strengths: logarithm of the odds, mean 0; intervals of 95 % over prompts. Then how often the model of the row won against that of the column, ties a half."),
    tableOf(["model", "strength", "votes", ...models.map(name => `over ${name}`)], models.map((name, row) => [
      name, interval(strengths[row]), strengths[row].count, ...wins[row].map((count, column) => (column === row ? "–" : Number(count.toFixed(1))))])),
    byPrompt,
  ];
}

function pairParts(arena) {
  const figures = document.createElement("dl");
  figures.className = "figures";
  figures.append(...listed([
    ["Prompts", `${arena.prompts}, of them ${arena.identical} with the same answer twice (ties; nobody is asked) and ${arena.judged} judged`],
    ["Votes", arena.votes ? `${arena.votes.wins} wins, ${arena.votes.ties} ties, ${arena.votes.losses} losses` : "none yet"],
    [`${arena.model} wins, ties a half`, share(arena.win_rate)],
    ["Of votes without ties, for the answer on the left", share(arena.first_shown)],
    ["Votes on which two labelers say the same", share(arena.agreement)],
    ["Not judged", String(arena.not_judged)],
  ]));
  return [element("h3", `${arena.model} against ${arena.versus}`), figures, tableOf(
    ["name", "wins", "ties", "losses", "for the left answer", "agreement with others"],
    arena.labelers.map(one => [one.name, one.wins, one.ties, one.losses, share(one.first_shown), share(one.agreement)]))];
}

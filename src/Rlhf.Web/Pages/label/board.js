// The ranking as it stands: places with their answers, and the answers without one.

import { letterOf } from "./drag.js";
import { tiers, unplaced, votedFor } from "./ranking.js";

export function showBoard(board, tray, state, onSelect) {
  board.replaceChildren(...tiers(state).map(tier => rowOf(state, tier, onSelect)));
  tray.replaceChildren(...unplaced(state).map(answer => chipOf(state, answer, onSelect)));
  tray.dataset.empty = unplaced(state).length === 0 ? "Every answer has a place." : "";
}

function rowOf(state, tier, onSelect) {
  const row = document.createElement("li");
  row.className = "tier";
  const place = document.createElement("span");
  place.className = "place";
  place.textContent = String(state.places[tier[0]]);
  row.append(place, ...tier.map(answer => chipOf(state, answer, onSelect)));
  if (tier.length > 1) {
    const note = document.createElement("span");
    note.className = "tied";
    note.textContent = "tied";
    row.append(note);
  }
  return row;
}

function chipOf(state, answer, onSelect) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "chip";
  chip.dataset.drag = String(answer);
  chip.textContent = letterOf(answer);
  chip.setAttribute("aria-label", `Answer ${letterOf(answer)}, ${describe(state, answer)}`);
  chip.classList.toggle("selected", answer === state.selected);
  chip.addEventListener("click", () => onSelect(answer));
  return chip;
}

/** In words, for those who hear the page: "place 2, tied with C"; of two answers "better". */
export function describe(state, answer) {
  if (state.count === 2) {
    const better = votedFor(state);
    return better === undefined ? "no vote yet" : better === null ? "a tie" : better === answer ? "better" : "worse";
  }
  const place = state.places[answer];
  if (place === 0) {
    return "no place yet";
  }
  const others = [...state.places.keys()].filter(other => other !== answer && state.places[other] === place);
  return others.length > 0 ? `place ${place}, tied with ${others.map(letterOf).join(" and ")}` : `place ${place}`;
}

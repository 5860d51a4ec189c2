// The prompt and its answers, to read; with each answer its places, flags and rating.

import { describe } from "./board.js";
import { letterOf } from "./drag.js";
import { showMarkdown } from "./markdown.js";

const flagNames = { harmful: "Harmful", private_data: "Private data", wrongly_refuses: "Wrongly refuses", false: "False", off_topic: "Off topic" };

export const flagName = flag => flagNames[flag] ?? flag;

export function showPrompt(element, messages) {
  element.replaceChildren(...messages.map(message => {
    const turn = document.createElement("div");
    turn.className = `turn ${messages.length > 1 && message.role === "assistant" ? "theirs-turn" : "own-turn"}`;
    if (messages.length > 1 || message.role !== "user") {
      const role = document.createElement("p");
      role.className = "role";
      role.textContent = message.role;
      turn.append(role);
    }
    const text = document.createElement("div");
    text.className = "text";
    showMarkdown(text, message.content);
    turn.append(text);
    return turn;
  }));
}

/** Makes the cards of a task; on calls onPlace(answer, place), onSelect(answer). */
export function createCards(list, responses, given, { flags, criteria }, on) {
  const template = document.getElementById("card");
  list.replaceChildren(...responses.map((response, answer) => {
    const card = template.content.firstElementChild.cloneNode(true);
    const letter = letterOf(answer);
    card.dataset.answer = String(answer);
    card.setAttribute("aria-label", `Answer ${letter}`);
    const handle = card.querySelector(".letter");
    handle.textContent = letter;
    handle.dataset.drag = String(answer);
    showMarkdown(card.querySelector(".text"), response);
    card.querySelector(".places").setAttribute("aria-label", `Place of answer ${letter}`);
    card.querySelector(".places").append(...responses.map((_, index) => placeButton(letter, index + 1, () => on.place(answer, index + 1))));
    card.querySelector(".flags").append(...flags.map(flag => flagBox(flag, given?.flags?.[answer]?.includes(flag))));
    card.querySelector(".criteria").append(...criteria.map(criterion => scoreBox(letter, criterion, given?.scores?.[answer]?.[criterion.name])));
    const rating = card.querySelector("details select");
    rating.value = String(given?.ratings?.[answer] ?? "");
    const more = card.querySelector("details");
    more.open = (given?.flags?.[answer]?.length ?? 0) > 0 || rating.value !== "";
    card.addEventListener("focusin", () => on.select(answer));
    card.addEventListener("click", event => event.target.closest("button, label, select, summary, details") || on.select(answer));
    return card;
  }));
}

/** Brings the cards to a state. */
export function showCards(list, state) {
  for (const card of list.children) {
    const answer = Number(card.dataset.answer);
    card.classList.toggle("selected", answer === state.selected);
    card.tabIndex = answer === state.selected ? 0 : -1;
    card.querySelector(".status").textContent = describe(state, answer);
    card.querySelectorAll(".places button").forEach((button, index) => button.setAttribute("aria-pressed", String(state.places[answer] === index + 1)));
  }
}

/** What was flagged and rated: { flags, ratings }, empty where nothing was. */
export function readCards(list) {
  const cards = [...list.children];
  const flags = cards.map(card => [...card.querySelectorAll(".flags input:checked")].map(box => box.value));
  const ratings = cards.map(card => Number(card.querySelector("details select").value) || null);
  const scores = cards.map(card => Object.fromEntries([...card.querySelectorAll(".criteria select")].filter(box => box.value !== "").map(box => [box.dataset.name, Number(box.value)])));
  return {
    flags: flags.some(own => own.length > 0) ? flags : [],
    ratings: ratings.some(rating => rating !== null) ? ratings : [],
    scores: scores.some(own => Object.keys(own).length > 0) ? scores : [],
  };
}

function placeButton(letter, place, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = String(place);
  button.setAttribute("aria-label", `Answer ${letter}: place ${place}`);
  button.addEventListener("click", onClick);
  return button;
}

/** Which score is asked for and not there, in words; null where none is. */
export function missingScore(list) {
  const box = list.querySelector(".criteria select:required:invalid");
  return box ? `Answer ${letterOf(Number(box.closest(".card").dataset.answer))} has no score for ${box.dataset.name} yet.` : null;
}

function scoreBox(letter, { name, from, to, required }, score) {
  const label = document.createElement("label");
  const box = document.createElement("select");
  box.dataset.name = name;
  box.required = required;
  box.setAttribute("aria-label", `Answer ${letter}: ${name}, ${from} to ${to}`);
  box.append(new Option("–", ""), ...Array.from({ length: to - from + 1 }, (_, step) => new Option(String(from + step))));
  box.value = score === undefined ? "" : String(score);
  label.append(required ? `${name} (required)` : name, " ", box);
  return label;
}

/** Boxes for what may be wrong; those that are given are checked. */
export const flagBoxes = (flags, given) => flags.map(flag => flagBox(flag, given?.includes(flag)));

function flagBox(flag, checked) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.value = flag;
  box.checked = checked === true;
  label.append(box, ` ${flagName(flag)}`);
  return label;
}

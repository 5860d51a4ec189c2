// A task's answers and their ranking as it stands: cards, board and vote, and which answer is marked. Without a task it is empty.

import { describe, showBoard } from "./board.js";
import { createCards, showCards } from "./cards.js";
import { compare, enableComparing } from "./compare.js";
import { enableDragging, letterOf } from "./drag.js";
import { isRanked } from "./kinds.js";
import * as ranking from "./ranking.js";

const $ = id => document.getElementById(id);
const voteOf = button => (button.dataset.vote === "" ? null : Number(button.dataset.vote));
const placesOf = (tiers, count) => Array.from({ length: count }, (_, answer) => tiers.findIndex(tier => tier.includes(answer)) + 1);

export class Sheet {
  task = null;
  state = null; // Of ranking.js.

  /** @param onDraw is told that it was drawn anew. @param onChange that a person changed the ranking, with words for it where an answer has moved. */
  constructor(onDraw, onChange) {
    [this.onDraw, this.onChange] = [onDraw, onChange];
    enableDragging(document.body, $("board"), $("tray"), (answer, target) => this.state && this.apply(ranking.drop(this.state, answer, target)));
    document.querySelectorAll("#vote button").forEach(button => button.addEventListener("click", () => this.apply(ranking.vote(this.state, voteOf(button)))));
    $("compare").addEventListener("click", () => this.compare());
    enableComparing();
  }

  get isRanked() {
    return this.task !== null && isRanked(this.task.kind);
  }

  /** Two answers are voted on; more are ranked. */
  get isPair() {
    return this.state?.count === 2 && this.isRanked;
  }

  get isComplete() {
    return ranking.isComplete(this.state);
  }

  /** The ranking; null where there is none, or none yet. */
  get tiers() {
    return this.isRanked && this.isComplete ? ranking.tiers(this.state) : null;
  }

  /** @param given what was said of it before. */
  show(task, given, me) {
    this.task = task;
    this.state = ranking.create(task.responses.length, given?.tiers ? placesOf(given.tiers, task.responses.length) : undefined);
    createCards($("answers"), task.responses, given, me, {
      place: (answer, place) => this.apply(ranking.place(this.state, answer, place)), select: answer => this.#select(answer),
    });
  }

  clear() {
    this.task = this.state = null;
  }

  /** Puts back a state that was left. */
  restore(state) {
    this.state = state;
    this.draw();
  }

  /** A person has changed the ranking, or marked another answer. */
  apply(next) {
    const moved = this.state.places.findIndex((place, answer) => place !== next.places[answer]);
    this.state = next;
    this.onChange(moved < 0 ? null : `Answer ${letterOf(moved)}: ${describe(next, moved)}.${this.isComplete ? ` ${this.isPair ? "" : "Every answer has a place; "}Enter submits.` : ""}`);
  }

  draw() {
    showCards($("answers"), this.state);
    showBoard($("board"), $("tray"), this.state, answer => { this.#select(answer); this.focus(); });
    document.querySelectorAll("#vote button").forEach(button => button.setAttribute(
      "aria-pressed", String(this.isPair && ranking.votedFor(this.state) === voteOf(button))));
    $("notation").textContent = this.isRanked && !this.isPair ? ranking.notation(this.state, letterOf) : "";
    this.onDraw();
  }

  focus() {
    const card = $("answers").children[this.state.selected];
    card?.focus({ preventScroll: this.isPair });
    // On a phone one answer is seen at a time: the marked one.
    if (!this.isPair) {
      card?.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }

  /** Marks what has no place yet, and says so; null where nothing lacks. */
  missing() {
    if (!this.isRanked || this.isComplete) {
      return null;
    }
    if (this.isPair) {
      return "Say first which answer is better, or that it is a tie.";
    }
    const answers = ranking.unplaced(this.state);
    this.#select(answers[0]);
    this.focus();
    const letters = answers.map(letterOf);
    return letters.length === 1 ? `Answer ${letters[0]} has no place yet.` : `Answers ${letters.slice(0, -1).join(", ")} and ${letters.at(-1)} have no place yet.`;
  }

  compare() {
    const { selected, count } = this.state;
    const other = this.isComplete ? ranking.tiers(this.state).flat().find(answer => answer !== selected) : (selected + 1) % count;
    compare(this.task.responses, selected, other);
  }

  #select(answer) {
    if (this.state && answer !== this.state.selected) {
      this.state = ranking.select(this.state, answer);
      this.draw();
    }
  }
}

// Where a person writes: an answer, a mended one, a review, a prompt. It says what was written and what lacks.

import { showDifference } from "./diff.js";
import { letterOf } from "./drag.js";
import { showMarkdown } from "./markdown.js";
import { tiers } from "./ranking.js";
import * as writing from "./writing.js";

const $ = id => document.getElementById(id);

export const useCaseNames = {
  generation: "Generation", open_qa: "Open QA", closed_qa: "Closed QA", brainstorming: "Brainstorming", chat: "Chat", rewrite: "Rewrite",
  summarization: "Summarization", classification: "Classification", extraction: "Extraction", other: "Other",
};

const titles = {
  write: "Your answer", rank_correct: "Then mend the best answer", review: "Your review of it", prompt: "Your prompt",
};

// A text field knows one kind of line end.
const plain = text => (text ?? "").replace(/\r\n?/g, "\n");

export class Desk {
  #kind = "rank";
  #answers = [];
  #raw = ""; // What the text was made from.
  #base = ""; // The same with the line ends of a text field.
  #corrected = null; // The answer that it was made from.
  #best = [];
  #state = writing.create();

  /** @param onChange is told that something was written or chosen. */
  constructor(onChange) {
    this.onChange = onChange;
    $("written").addEventListener("input", () => this.#set(writing.type(this.#state, $("written").value, performance.now())));
    $("use-case").addEventListener("change", () => this.#set(writing.change(this.#state, { useCase: $("use-case").value || null })));
    $("begin-anew").addEventListener("click", () => this.#begin(this.#best[0], false));
    $("base-choice").addEventListener("change", () => this.#begin(Number($("base-choice").value), false));
    document.querySelectorAll("#verdicts button").forEach(button => button.addEventListener("click", () => this.judge(button.dataset.verdict)));
    for (const id of ["changes-box", "preview-box"]) {
      $(id).addEventListener("toggle", () => this.#drawViews());
    }
  }

  get isUsed() {
    return this.#kind !== "rank";
  }

  get canUndo() {
    return this.#state.past.length > 0;
  }

  get canRedo() {
    return this.#state.future.length > 0;
  }

  /** Makes the list of what prompts are for. */
  offer(useCases) {
    $("use-case").append(...useCases.map(name => new Option(useCaseNames[name] ?? name, name)));
  }

  show(task, given) {
    this.#kind = task.kind ?? "rank";
    this.#answers = task.responses;
    this.#best = [];
    this.#corrected = given?.corrected ?? null;
    this.#raw = (this.#kind === "write" ? task.draft : this.#kind === "review" ? task.responses[0] : task.responses[this.#corrected]) ?? "";
    this.#base = plain(this.#raw);
    this.#state = writing.create({
      text: plain(given?.written ?? this.#base), verdict: given?.verdict ?? null, useCase: given?.use_case ?? task.use_case ?? null,
    });
    $("writing").hidden = !this.isUsed;
    $("writing-title").textContent = titles[this.#kind] ?? "";
    $("draft-hint").hidden = !(this.#kind === "write" && this.#base);
    $("use-case-box").hidden = this.#kind !== "prompt";
    $("verdicts").hidden = this.#kind !== "review";
    $("changes-box").hidden = !this.#base && this.#kind !== "rank_correct";
    $("mend").hidden = this.#kind !== "rank_correct";
    this.#draw();
  }

  /** Tells the ranking, whose best answer is to be mended. */
  follow(ranking) {
    if (this.#kind !== "rank_correct" || !ranking) {
      return;
    }
    const isWhole = ranking.places.every(place => place > 0);
    this.#best = isWhole ? tiers(ranking)[0] : [];
    const untouched = this.#corrected === null || this.#state.text === this.#base;
    if (isWhole && !this.#best.includes(this.#corrected) && untouched) {
      this.#begin(this.#best[0], true);
    }
    this.#draw();
  }

  judge(verdict) {
    this.#set(writing.change(this.#state, { verdict, text: verdict === "edit" ? this.#state.text : this.#base }));
    if (verdict === "edit") {
      $("written").focus();
    }
  }

  undo() {
    this.#set(writing.undo(this.#state));
  }

  redo() {
    this.#set(writing.redo(this.#state));
  }

  /** What was written, as part of a judgement. */
  judgement() {
    const { text, verdict, useCase } = this.#state;
    switch (this.#kind) {
      case "write": return { written: this.#written };
      case "rank_correct": return { written: this.#written, corrected: this.#corrected };
      case "review": return { verdict, written: verdict === "edit" ? text : null };
      case "prompt": return { written: text, use_case: useCase };
      default: return {};
    }
  }

  /** The same while it is not finished: an empty text is none. */
  unfinished() {
    const made = this.judgement();
    return { ...made, written: this.#kind === "review" || this.#state.text.trim() !== "" ? (made.written ?? null) : null };
  }

  /** What lacks, in words; null where nothing does. */
  missing() {
    const { text, verdict, useCase } = this.#state;
    const isEmpty = text.trim() === "";
    switch (this.#kind) {
      case "write": return isEmpty ? "Write the answer first." : null;
      case "prompt": return isEmpty ? "Write the prompt first." : useCase ? null : "Say first what the prompt is used for.";
      case "review": return !verdict ? "Accept, edit or reject it first."
        : verdict !== "edit" ? null
        : isEmpty ? "The text is empty: reject it, or write it anew."
        : text === this.#base ? "The text is as it was: accept it, or change it." : null;
      case "rank_correct": return isEmpty ? "The mended answer is empty." : this.#best.includes(this.#corrected) ? null : this.#strayed();
      default: return null;
    }
  }

  focus() {
    if (this.#kind === "write" || this.#kind === "prompt") {
      $("written").focus({ preventScroll: true });
    } else if (this.#kind === "review") {
      $("verdicts").querySelector("button").focus({ preventScroll: true });
    }
  }

  // A text that nobody has touched goes on as it was, with the line ends that it had.
  get #written() {
    return this.#state.text === this.#base ? this.#raw : this.#state.text;
  }

  #strayed = () => `Your text was made from answer ${letterOf(this.#corrected)}, and the best one is now ${this.#best.map(letterOf).join(" or ")}. Begin anew from it, or change the ranking.`;

  #begin(answer, silently) {
    this.#corrected = answer;
    this.#raw = this.#answers[answer];
    this.#base = plain(this.#raw);
    this.#state = silently ? writing.create({ text: this.#base }) : writing.change(this.#state, { text: this.#base });
    this.#draw();
    this.onChange();
  }

  #set(state) {
    this.#state = state;
    if (this.#kind === "review" && state.text !== this.#base && state.verdict !== "edit" && state.future.length === 0) {
      this.#state = { ...state, verdict: "edit" };
    }
    this.#draw();
    this.onChange();
  }

  #draw() {
    const { text, verdict, useCase } = this.#state;
    if ($("written").value !== text) {
      $("written").value = text;
    }
    $("use-case").value = useCase ?? "";
    const words = text.match(/\S+/g)?.length ?? 0;
    $("counted").textContent = `${words} ${words === 1 ? "word" : "words"}, ${text.length} characters`;
    document.querySelectorAll("#verdicts button").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict)));
    const ranks = this.#kind === "rank_correct";
    const waits = ranks && this.#corrected === null;
    $("written").disabled = waits;
    $("written-box").hidden = waits || this.#kind === "review" && verdict !== "edit" && text === this.#base;
    $("mend-hint").textContent = waits ? "Rank all answers first; the best one then stands here to be mended."
      : ranks ? `Made from answer ${letterOf(this.#corrected)}. Make it as good as you can; where it cannot be better, leave it as it is.` : "";
    const strayed = ranks && !waits && this.#best.length > 0 && !this.#best.includes(this.#corrected);
    $("strayed").hidden = !strayed;
    $("strayed-text").textContent = strayed ? this.#strayed() : "";
    const choice = ranks && this.#best.length > 1 && !strayed;
    $("base-box").hidden = !choice;
    if (choice) {
      $("base-choice").replaceChildren(...this.#best.map(answer => new Option(`Answer ${letterOf(answer)}`, String(answer))));
      $("base-choice").value = String(this.#corrected);
    }
    this.#drawViews();
  }

  #drawViews() {
    if ($("changes-box").open && !$("changes-box").hidden) {
      showDifference($("changes"), this.#base, this.#state.text);
    }
    if ($("preview-box").open) {
      showMarkdown($("preview"), this.#state.text);
    }
  }
}

// What was done of a task and not handed in is kept by the server, so that a page that is lost loses nothing.

import { post } from "./api.js";

const after = 1200; // Milliseconds without a change.
const again = 5000; // Where the server does not answer.

export class Keeper {
  #timer = 0;
  #work = null;

  /** @param tell is told how it stands, in words. */
  constructor(tell) {
    this.tell = tell;
    document.addEventListener("visibilitychange", () => document.hidden && this.#send());
  }

  /** Something has changed. @param work gives what is to be kept: { task, judgement, seconds }. */
  changed(work) {
    this.#work = work;
    this.tell("");
    this.#later(after);
  }

  /** The task is handed in, or another one is on the page. */
  stop() {
    this.#work = null;
    clearTimeout(this.#timer);
    this.tell("");
  }

  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), pause);
  }

  async #send() {
    const work = this.#work;
    if (!work) {
      return;
    }
    this.#work = null;
    clearTimeout(this.#timer);
    try {
      const { kept } = await post("/api/work", work(), true);
      this.tell(this.#work === null && kept ? "Kept" : "");
    } catch (problem) {
      // A refusal stays one; what comes with the next change is another matter.
      if (this.#work === null && (problem.status === 0 || problem.status >= 500)) {
        this.#work = work;
        this.#later(again);
      }
    }
  }
}

// Tasks in and rankings out. The next task is fetched while a person works on the present one; a ranking is sent until the server has acknowledged it.

import { post, wait } from "./api.js";

export class Queue {
  #next = null;
  #unsent = [];
  #sending = null;

  /** @param report is told about progress and trouble: { progress }, { unsaved }, { lost } */
  constructor(report) {
    this.report = report;
  }

  get unsaved() {
    return this.#unsent.length;
  }

  /** The next task, or null where there is none; at once where it was fetched before. */
  async take() {
    const task = this.#next ? await this.#next : null;
    this.#next = null;
    if (task) {
      return task;
    }
    await this.#settled(); // Before that, the server would give back the task whose ranking is under way.
    return this.#fetch([]);
  }

  /** Fetches the task after this one. */
  prefetch(holding) {
    this.#next = this.#settled().then(() => this.#fetch(holding)).catch(() => null);
  }

  /** Tasks that this page holds beside the one it shows. Not waited for: while nothing can be saved, nothing is fetched either. */
  async held() {
    return (await Promise.race([this.#next, wait(0)]))?.id;
  }

  /** Sends a ranking; nobody waits for it. Its key makes it one ranking however often it is sent. */
  submit(ranking) {
    this.#unsent.push(ranking);
    this.#sending ??= this.#send().finally(() => { this.#sending = null; });
    return this.#sending;
  }

  async #settled() {
    await this.#sending;
  }

  async #send() {
    let pause = 500;
    while (this.#unsent.length > 0) {
      this.report({ unsaved: this.#unsent.length });
      try {
        this.report(await post("/api/rankings", this.#unsent[0], true));
        this.#unsent.shift();
        pause = 500;
      } catch (problem) {
        if (problem.status === 422) { // The owner has begun to ask for more than the page knew.
          await this.report({ refused: this.#unsent.shift(), lost: problem.message });
        } else if (problem.status >= 400 && problem.status < 500 && problem.status !== 429 && problem.status !== 401) {
          this.#unsent.shift();
          this.report({ lost: problem.message });
        } else {
          this.report({ unsaved: this.#unsent.length, trouble: problem.message, signedOut: problem.status === 401 });
          await wait(pause);
          pause = Math.min(2 * pause, 10_000);
        }
      }
    }
    this.report({ unsaved: 0 });
  }

  async #fetch(holding) {
    const answer = await post("/api/next", { holding }, this.unsaved > 0);
    this.report(answer);
    return answer.task;
  }
}

/** A name for a ranking that no other has. randomUUID is there on secure origins only. */
export const newKey = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");

// The owner's instructions: shown on a first visit, and again when they have changed, also to somebody who is at work.

import { get } from "./api.js";
import { showMarkdown } from "./markdown.js";

const $ = id => document.getElementById(id);

export class Guide {
  #name = "";
  #version = null;
  #openedAt = 0;

  /** @param onClose is told since when somebody has read, on the page's clock. */
  constructor(onClose) {
    $("instructions").addEventListener("close", () => {
      this.#markRead();
      onClose(this.#openedAt);
    });
    $("read-changed").addEventListener("click", () => this.open());
  }

  /** @param me what the server says to the labeler at the start. */
  begin(me) {
    this.#name = me.name;
    this.#take(me);
    const read = this.#read();
    if (read !== this.#version) {
      $("instructions-changed").hidden = read === null;
      this.open();
    }
  }

  /** Fetches them again where the server names another version. */
  async check(version) {
    if (version === undefined || this.#version === null || version === this.#version) {
      return;
    }
    this.#version = version;
    try {
      this.#take(await get("/api/me"));
      $("instructions-changed").hidden = false;
      $("changed").hidden = false;
    } catch {
      this.#version = ""; // The next answer of the server says it again.
    }
  }

  open() {
    if (!$("instructions").open) {
      this.#openedAt = performance.now();
      $("instructions").showModal();
    }
  }

  #take(me) {
    this.#version = me.instructions_version;
    showMarkdown($("instructions-text"), me.instructions);
  }

  // Kept in the browser; without its memory they are shown at each visit.
  #read() {
    try {
      return localStorage.getItem(this.#key);
    } catch {
      return null;
    }
  }

  #markRead() {
    $("changed").hidden = true;
    $("instructions-changed").hidden = true;
    try {
      localStorage.setItem(this.#key, this.#version);
    } catch {
      // See above.
    }
  }

  get #key() {
    return `rlhf-instructions-read:${this.#name}`;
  }
}

// How long a person has worked on the task: only time in which the page is seen counts.

export class Clock {
  #from = 0;
  #hiddenSince = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.#hiddenSince = performance.now();
      } else if (this.#hiddenSince) {
        this.#from += performance.now() - this.#hiddenSince;
        this.#hiddenSince = 0;
      }
    });
  }

  /** A task is on the page, on which so many seconds were spent before. */
  begin(seconds = 0) {
    this.#from = performance.now() - 1000 * seconds;
  }

  /** What has passed since then, on the page's clock, was no work on the task. */
  leaveOutSince(then) {
    this.#from += performance.now() - Math.max(then, this.#from);
  }

  get seconds() {
    return Math.max(0, (performance.now() - this.#from) / 1000);
  }
}

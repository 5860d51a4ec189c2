// A task stays with a labeler while somebody is at the page.

/** Calls `renew` at each interval in which a person did something. */
export function whilePresent(interval, renew) {
  let active = true;
  for (const kind of ["pointermove", "keydown", "scroll", "touchstart"]) {
    document.addEventListener(kind, () => { active = true; }, { passive: true });
  }
  setInterval(() => {
    if (active && !document.hidden && renew()) {
      active = false;
    }
  }, interval);
}

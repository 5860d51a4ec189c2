// What keys do on the labelers' page.

import { isRanked } from "./kinds.js";
import * as ranking from "./ranking.js";

const $ = id => document.getElementById(id);

/** @param page its task with the ranking (a Sheet), where a person writes (a Desk), and what else can be done. */
export function enableKeys(page) {
  const move = change => page.sheet.apply(change(page.sheet.state, page.sheet.state.selected));
  const writing = {
    "u": page.takeBack,
    "U": page.doAgain,
    "m": page.switchView,
    "d": () => page.sheet.task.responses.length > 1 && page.sheet.compare(),
    "w": () => page.desk.isUsed && $("written").focus(),
    "Enter": () => page.submit(),
  };
  const review = { ...writing, "a": () => page.desk.judge("accept"), "e": () => page.desk.judge("edit"), "r": () => page.desk.judge("reject") };
  const ranks = {
    ...writing,
    "ArrowUp": () => move((state, answer) => ranking.move(state, answer, -1)),
    "ArrowDown": () => move((state, answer) => ranking.move(state, answer, 1)),
    "ArrowLeft": () => move(state => ranking.selectNext(state, -1)),
    "ArrowRight": () => move(state => ranking.selectNext(state, 1)),
    "=": () => move(ranking.tie),
  };
  for (let place = 1; place <= 9; place++) {
    ranks[place] = () => move((state, answer) => ranking.place(state, answer, place));
  }
  // Of two answers one is better, or neither.
  const votes = {
    ...ranks,
    "ArrowUp": () => move((state, answer) => ranking.vote(state, answer)),
    "ArrowDown": () => move((state, answer) => ranking.vote(state, 1 - answer)),
    "=": () => move(state => ranking.vote(state, null)),
    "1": () => move(state => ranking.vote(state, 0)),
    "2": () => move(state => ranking.vote(state, 1)),
  };
  const keysOf = task => (task.kind === "review" ? review : !isRanked(task.kind) ? writing : page.sheet.isPair ? votes : ranks);

  $("task").addEventListener("keydown", event => {
    const act = event.target.localName === "textarea" && !event.isComposing ? inText(page, event) : null;
    if (act) {
      act();
      event.preventDefault();
    }
  });

  document.addEventListener("keydown", event => {
    // A dialog that was just closed has the focus until the next frame.
    const target = event.target.closest("dialog:not([open])") ? document.body : event.target;
    const typing = target.closest("input:not([type=checkbox]), textarea, select, dialog");
    const own = event.key === "Enter" && target.closest("button, a, summary, input");
    const scrolls = event.key.startsWith("Arrow") && target.closest("pre, .wide");
    if (!page.sheet.task || typing || scrolls || own || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) {
      return;
    }
    const act = keysOf(page.sheet.task)[event.key];
    if (event.key === "?") {
      $("keys").showModal();
    } else if (act && !(event.repeat && event.key === "Enter")) {
      act();
    } else {
      return;
    }
    event.preventDefault();
  });
}

// In a text, keys are letters; with Ctrl they hand in, and take back what was typed.
function inText(page, event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.key === "Escape") {
    return () => leaveText(page);
  }
  if (command && event.key === "Enter") {
    return () => page.submit();
  }
  if (!command || event.target !== $("written")) {
    return null;
  }
  return event.key === "z" ? () => page.desk.undo() : event.key === "y" || event.key === "Z" ? () => page.desk.redo() : null;
}

// Where there is no answer to mark, the page itself has the keys.
function leaveText(page) {
  document.activeElement.blur();
  if (page.sheet.isRanked) {
    page.sheet.focus();
  }
}

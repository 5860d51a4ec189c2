// The ranking page: shows a task, turns what a person does into states of ranking.js, and submits.

import { get, post, wait } from "./api.js";
import { describe, showBoard } from "./board.js";
import { createCards, readCards, showCards, showPrompt } from "./cards.js";
import { enableDragging, letterOf } from "./drag.js";
import { Guide } from "./guide.js";
import { newKey, Queue } from "./queue.js";
import * as ranking from "./ranking.js";
import { showText } from "./text.js";

const $ = id => document.getElementById(id);
const queue = new Queue(report);
const guide = new Guide(openedAt => {
  // Reading them is not ranking.
  shownAt += performance.now() - Math.max(openedAt, shownAt);
  if (state) {
    focusCard();
  }
});
let me = null;
let task = null;
let state = null;
let key = null; // Names the ranking of the task: one that is sent twice is one.
let editing = null; // The task that waits while an earlier one is edited.
let advancing = false; // Between a ranking and the next task.
let shownAt = 0;
let hiddenSince = 0;
let active = true;

const say = text => { $("live").textContent = text; };

// Beside the button that was pressed, where the eyes are; it is read out, too.
function note(text) {
  $("note").textContent = text;
}

function complain(text) {
  showText($("trouble-text"), text);
  $("trouble").hidden = false;
}

function report({ progress, unsaved, trouble, signedOut, lost, paused, instructions_version: version }) {
  if (progress) {
    $("progress").value = progress.wanted > 0 ? progress.done / progress.wanted : 0;
    $("progress-text").textContent = `${progress.mine} by you, ${progress.done} of ${progress.wanted} by all`;
  }
  if (unsaved !== undefined) {
    $("saved").textContent = trouble ? `Not saved yet, trying again: ${trouble}` : unsaved > 0 ? "Saving …" : "Saved";
    $("saved").classList.toggle("error", Boolean(trouble));
    $("sign-in").hidden = !signedOut;
  }
  if (lost) {
    complain(lost);
  }
  if (paused !== undefined) {
    me.paused = paused;
  }
  guide.check(version);
}

// ---- A task on the page

/** Shows the next task as soon as there is one; meanwhile the one that was ranked cannot be ranked again. */
async function advance() {
  if (advancing) {
    return;
  }
  advancing = true;
  leave();
  for (let pause = 500; advancing; pause = Math.min(2 * pause, 10_000)) {
    try {
      arrive(await queue.take());
      advancing = false;
    } catch (problem) {
      note(`The next prompt cannot be fetched, trying again: ${problem.message}`);
      await wait(pause);
    }
  }
}

function leave() {
  task = state = null;
  $("task").inert = true;
  $("submit").disabled = true;
  setTimeout(() => advancing && !task && note("Sent. The next prompt comes when the server has saved this one; leave the page open."), 300);
}

function arrive(found) {
  if (editing) {
    Object.assign(editing, { task: found, state: null, spent: 0 });
  } else if (found) {
    show(found);
  } else {
    showEmpty();
  }
  if (found) {
    queue.prefetch([found.id]);
  }
}

function show(shown) {
  task = shown;
  key = newKey();
  const given = shown.given;
  state = ranking.create(shown.responses.length, given?.tiers ? placesOf(given.tiers, shown.responses.length) : undefined);
  showPrompt($("prompt"), shown.messages);
  createCards($("answers"), shown.responses, given, me.flags, { place: (answer, place) => apply(ranking.place(state, answer, place)), select: selectCard });
  $("comment").value = given?.comment ?? "";
  $("task").classList.toggle("pair", isPair());
  $("cancel-edit").hidden = !editing;
  $("submit").textContent = editing ? "Save the change" : "Submit";
  $("submit").disabled = false;
  $("deciding").hidden = true;
  $("task").inert = false;
  $("task").hidden = false;
  $("empty").hidden = true;
  $("task").dataset.task = String(shown.id);
  render();
  window.scrollTo(0, 0);
  shownAt = performance.now();
  focusCard();
  say(`${editing ? "Your earlier ranking" : "New task"}: ${shown.responses.length} answers.`);
}

// Two answers are voted on; more are ranked.
const isPair = () => state?.count === 2;

const placesOf = (tiers, count) => Array.from({ length: count }, (_, answer) => tiers.findIndex(tier => tier.includes(answer)) + 1);

function showEmpty() {
  task = state = null;
  note("");
  $("task").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = me.paused ? "The work is paused" : "Nothing to rank";
  $("empty-text").textContent = me.paused ? "The owner has paused it. Your rankings are saved." : "There is no task for you now. Thank you for your work.";
}

function render() {
  note("");
  showCards($("answers"), state);
  showBoard($("board"), $("tray"), state, answer => { selectCard(answer); focusCard(); });
  document.querySelectorAll("#vote button").forEach(button => button.setAttribute("aria-pressed", String(isPair() && ranking.votedFor(state) === voteOf(button))));
  $("undo").disabled = state.past.length === 0;
  // Not disabled: pressed, it says what is missing.
  $("submit").setAttribute("aria-disabled", String(!ranking.isComplete(state)));
}

const voteOf = button => (button.dataset.vote === "" ? null : Number(button.dataset.vote));

function apply(next) {
  const changed = state.places.findIndex((place, answer) => place !== next.places[answer]);
  state = next;
  render();
  focusCard();
  if (changed >= 0) {
    say(`Answer ${letterOf(changed)}: ${describe(state, changed)}.${ranking.isComplete(state) ? ` ${isPair() ? "" : "Every answer has a place; "}Enter submits.` : ""}`);
  }
}

function selectCard(answer) {
  if (state && answer !== state.selected) {
    state = ranking.select(state, answer);
    render();
  }
}

function focusCard() {
  $("answers").children[state.selected]?.focus({ preventScroll: isPair() });
}

// ---- Submitting

function submit(cannotJudge = null) {
  if (!task) {
    return;
  }
  if (!cannotJudge && !ranking.isComplete(state)) {
    askForPlaces();
    return;
  }
  const comment = $("comment").value.trim();
  const judgement = { tiers: cannotJudge ? null : ranking.tiers(state), cannot_judge: cannotJudge, comment: comment || null, ...readCards($("answers")) };
  const seconds = Math.max(0, (performance.now() - shownAt) / 1000);
  queue.submit({ task: task.id, key, judgement, seconds, edit: editing !== null, revision: editing ? task.revision : null });
  // What was fetched before is shown at once; what comes after it is fetched when the ranking has arrived.
  if (editing) {
    endEdit();
  } else {
    advance();
  }
}

function askForPlaces() {
  const missing = ranking.unplaced(state);
  if (!isPair()) {
    selectCard(missing[0]);
    focusCard();
  }
  const letters = missing.map(letterOf);
  note(isPair() ? "Say first which answer is better, or that it is a tie."
    : letters.length === 1 ? `Answer ${letters[0]} has no place yet.` : `Answers ${letters.slice(0, -1).join(", ")} and ${letters.at(-1)} have no place yet.`);
}

// ---- Earlier rankings

async function showRecent() {
  const rankings = await get("/api/recent");
  $("recent-list").replaceChildren(...rankings.map(one => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dir = "auto";
    button.className = "link";
    showText(button, one.prompt.trim() || "(an empty prompt)");
    button.addEventListener("click", () => edit(one.task).catch(problem => { $("recent").close(); complain(problem.message); }));
    item.append(button, one.cannot_judge ? " (not judged)" : "");
    return item;
  }));
  if (rankings.length === 0) {
    $("recent-list").textContent = "None yet.";
  }
  $("recent").showModal();
}

async function edit(id) {
  const again = await get(`/api/recent/${id}`);
  $("recent").close();
  editing ??= { task: task && { ...task, given: { ...readCards($("answers")), comment: $("comment").value } }, state, spent: performance.now() - shownAt };
  show(again);
}

function endEdit() {
  const waiting = editing;
  editing = null;
  if (!waiting.task) {
    if (advancing) {
      leave();
    } else {
      advance();
    }
    return;
  }
  show(waiting.task);
  if (waiting.state) {
    state = waiting.state;
    shownAt -= waiting.spent;
    render();
  }
}

// ---- What a person does

const keys = {
  "ArrowUp": () => apply(ranking.move(state, state.selected, -1)),
  "ArrowDown": () => apply(ranking.move(state, state.selected, 1)),
  "ArrowLeft": () => apply(ranking.selectNext(state, -1)),
  "ArrowRight": () => apply(ranking.selectNext(state, 1)),
  "=": () => apply(ranking.tie(state, state.selected)),
  "u": () => apply(ranking.undo(state)),
  "Enter": () => submit(),
};

for (let place = 1; place <= 9; place++) {
  keys[place] = () => apply(ranking.place(state, state.selected, place));
}

// Of two answers one is better, or neither.
const pairKeys = {
  ...keys,
  "ArrowUp": () => apply(ranking.vote(state, state.selected)),
  "ArrowDown": () => apply(ranking.vote(state, 1 - state.selected)),
  "=": () => apply(ranking.vote(state, null)),
  "1": () => apply(ranking.vote(state, 0)),
  "2": () => apply(ranking.vote(state, 1)),
};

document.addEventListener("keydown", event => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  const own = event.key === "Enter" && event.target.closest("button, a, summary, input");
  if (!state || typing || own || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) {
    return;
  }
  const act = (isPair() ? pairKeys : keys)[event.key];
  if (event.key === "?") {
    $("keys").showModal();
  } else if (act && !(event.repeat && event.key === "Enter")) {
    act();
  } else {
    return;
  }
  event.preventDefault();
});

enableDragging(document.body, $("board"), $("tray"), (answer, target) => state && apply(ranking.drop(state, answer, target)));
document.querySelectorAll("#vote button").forEach(button => button.addEventListener("click", () => apply(ranking.vote(state, voteOf(button)))));
$("undo").addEventListener("click", () => apply(ranking.undo(state)));
$("submit").addEventListener("click", () => submit());
$("cancel-edit").addEventListener("click", endEdit);
$("again").addEventListener("click", advance);
$("show-instructions").addEventListener("click", () => guide.open());
$("show-recent").addEventListener("click", () => showRecent().catch(problem => complain(problem.message)));
$("trouble-close").addEventListener("click", () => { $("trouble").hidden = true; });
$("show-keys").addEventListener("click", () => $("keys").showModal());
$("cannot").addEventListener("click", () => $("reason").showModal());
$("reason-cancel").addEventListener("click", () => $("reason").close());
$("reason-text").addEventListener("input", () => { $("reason-form").elements.reason.value = "other"; });
$("reason-form").addEventListener("submit", () => {
  const chosen = $("reason-form").elements.reason.value;
  submit(chosen === "other" ? $("reason-text").value.trim() || "Something else" : chosen);
  $("reason-form").reset();
});
$("logout").addEventListener("click", async () => {
  await post("/api/logout", {});
  location.assign("/login");
});

// ---- Time: what counts is time in which the page is seen, and a task is kept while somebody is there.

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    hiddenSince = performance.now();
  } else if (hiddenSince) {
    shownAt += performance.now() - hiddenSince;
    hiddenSince = 0;
  }
});
for (const kind of ["pointermove", "keydown", "scroll", "touchstart"]) {
  document.addEventListener(kind, () => { active = true; }, { passive: true });
}
addEventListener("beforeunload", event => queue.unsaved > 0 && event.preventDefault());

async function keepAlive() {
  if (task && active && !document.hidden) {
    active = false;
    const held = [task.id, editing?.task?.id, await queue.held()].filter(id => id !== undefined);
    await post("/api/renew", { tasks: held }, queue.unsaved > 0).then(report).catch(() => {});
  }
}

async function start() {
  me = await get("/api/me");
  guide.begin(me);
  report(me);
  $("owner").hidden = !me.owner;
  $("logout").hidden = me.name === "local";
  setInterval(keepAlive, Math.min(60_000, me.lease_minutes * 20_000));
  const adjudicate = new URLSearchParams(location.search).get("decide");
  if (adjudicate && me.owner) {
    show(await post("/api/owner/adjudicate", { task: Number(adjudicate) }));
    $("deciding").hidden = false;
    queue.prefetch([task.id]);
  } else {
    await advance();
  }
}

start().catch(problem => complain(problem.message));

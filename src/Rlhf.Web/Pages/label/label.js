// The ranking page: shows a task, turns what a person does into states of ranking.js, and submits.

import { get, post } from "./api.js";
import { describe, showBoard } from "./board.js";
import { createCards, readCards, showCards, showPrompt } from "./cards.js";
import { enableDragging, letterOf } from "./drag.js";
import { showInstructions } from "./instructions.js";
import { Queue } from "./queue.js";
import * as ranking from "./ranking.js";

const $ = id => document.getElementById(id);
const queue = new Queue(report);
let me = null;
let task = null;
let state = null;
let editing = null; // The task that waits while an earlier one is edited.
let shownAt = 0;
let hiddenSince = 0;
let active = true;

const say = text => { $("live").textContent = text; };

function report({ progress, unsaved, trouble, lost, paused }) {
  if (progress) {
    $("progress").value = progress.wanted > 0 ? progress.done / progress.wanted : 0;
    $("progress-text").textContent = `${progress.mine} by you, ${progress.done} of ${progress.wanted} by all`;
  }
  if (unsaved !== undefined) {
    $("saved").textContent = trouble ? `Not saved yet, trying again: ${trouble}` : unsaved > 0 ? "Saving …" : "Saved";
  }
  if (lost) {
    $("trouble").textContent = lost;
    $("trouble").hidden = false;
  }
  if (paused !== undefined) {
    me.paused = paused;
  }
}

// ---- A task on the page

async function next() {
  editing = null;
  const found = await queue.take();
  if (!found) {
    showEmpty();
    return;
  }
  show(found);
  queue.prefetch([found.id]);
}

function show(shown) {
  task = shown;
  const given = shown.given;
  state = ranking.create(shown.responses.length, given?.tiers ? placesOf(given.tiers, shown.responses.length) : undefined);
  showPrompt($("prompt"), shown.messages);
  createCards($("answers"), shown.responses, given, me.flags, { place: (answer, place) => apply(ranking.place(state, answer, place)), select: selectCard });
  $("comment").value = given?.comment ?? "";
  $("task").classList.toggle("pair", isPair());
  $("cancel-edit").hidden = !editing;
  $("submit").textContent = editing ? "Save the change" : "Submit";
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
  $("task").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = me.paused ? "The work is paused" : "Nothing to rank";
  $("empty-text").textContent = me.paused ? "The owner has paused it. Your rankings are saved." : "There is no task for you now. Thank you for your work.";
}

function render() {
  showCards($("answers"), state);
  showBoard($("board"), $("tray"), state, answer => { selectCard(answer); focusCard(); });
  document.querySelectorAll("#vote button").forEach(button => button.setAttribute("aria-pressed", String(isPair() && ranking.votedFor(state) === voteOf(button))));
  $("undo").disabled = state.past.length === 0;
  $("submit").disabled = !ranking.isComplete(state);
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
  if (!task || (!cannotJudge && !ranking.isComplete(state))) {
    say(isPair() ? "Say first which answer is better, or that it is a tie." : "Every answer needs a place first.");
    return;
  }
  const comment = $("comment").value.trim();
  const judgement = { tiers: cannotJudge ? null : ranking.tiers(state), cannot_judge: cannotJudge, comment: comment || null, ...readCards($("answers")) };
  const sent = queue.submit({ task: task.id, judgement, seconds: Math.max(0, (performance.now() - shownAt) / 1000), edit: editing !== null });
  if (editing) {
    endEdit();
    return;
  }
  // What was fetched before is shown at once; what comes after it is fetched when the ranking has arrived.
  next().catch(problem => sent.then(next).catch(() => report({ lost: problem.message })));
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
    button.textContent = one.prompt.trim() || "(an empty prompt)";
    button.addEventListener("click", () => edit(one.task));
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
  if (waiting.task) {
    show(waiting.task);
    state = waiting.state;
    shownAt -= waiting.spent;
    render();
  } else {
    next();
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
$("again").addEventListener("click", () => next().catch(problem => report({ lost: problem.message })));
$("show-instructions").addEventListener("click", () => $("instructions").showModal());
$("show-recent").addEventListener("click", () => showRecent().catch(problem => report({ lost: problem.message })));
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
    await post("/api/renew", { tasks: held }).catch(() => {});
  }
}

async function start() {
  me = await get("/api/me");
  report(me);
  $("owner").hidden = !me.owner;
  $("logout").hidden = me.name === "local";
  showInstructions($("instructions-text"), me.instructions);
  setInterval(keepAlive, Math.min(60_000, me.lease_minutes * 20_000));
  const adjudicate = new URLSearchParams(location.search).get("decide");
  if (adjudicate && me.owner) {
    show(await post("/api/owner/adjudicate", { task: Number(adjudicate) }));
    queue.prefetch([task.id]);
  } else {
    await next();
  }
}

start().catch(problem => report({ lost: problem.message }));

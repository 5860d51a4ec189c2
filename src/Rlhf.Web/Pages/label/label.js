// The labelers' page: shows a task, turns what a person does into states of ranking.js, and submits.

import { get, post, wait } from "./api.js";
import { describe, showBoard } from "./board.js";
import { createCards, flagBoxes, missingScore, readCards, showCards, showPrompt } from "./cards.js";
import { compare, enableComparing } from "./compare.js";
import { Desk } from "./desk.js";
import { enableDragging, letterOf } from "./drag.js";
import { Guide } from "./guide.js";
import { Keeper } from "./keeping.js";
import { enableKeys } from "./keys.js";
import { isRanked, wordsOf } from "./kinds.js";
import { isRaw, setRaw } from "./markdown.js";
import { newKey, Queue } from "./queue.js";
import * as ranking from "./ranking.js";
import { showRecent } from "./recent.js";
import { showSaid } from "./said.js";
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
const desk = new Desk(() => {
  touched = "text";
  note("");
  renderDone();
  keep();
});
const keeper = new Keeper(text => { $("kept").textContent = text; });
let me = null;
let touched = "ranking"; // What undo takes back: the text, or the ranking.
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

function report({ progress, unsaved, trouble, signedOut, lost, paused, refused, instructions_version: version }) {
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
  return refused ? takeIn(refused) : undefined;
}

/** What lacks something that the owner asks for now stays with the task, which comes back; a change of something earlier can be made again. */
async function takeIn({ task: id, judgement, seconds, edit: isEdit }) {
  try {
    Object.assign(me, await get("/api/me"));
    if (!isEdit) {
      await post("/api/work", { task: id, judgement, seconds }, true);
    }
  } catch (problem) {
    complain(problem.message);
  }
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
  keeper.stop();
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
  keeper.stop();
  task = shown;
  key = newKey();
  const given = shown.given ?? shown.work?.judgement;
  state = ranking.create(shown.responses.length, given?.tiers ? placesOf(given.tiers, shown.responses.length) : undefined);
  touched = isRanked(shown.kind) ? "ranking" : "text";
  showPrompt($("prompt"), shown.messages);
  createCards($("answers"), shown.responses, given, me, { place: (answer, place) => apply(ranking.place(state, answer, place)), select: selectCard });
  desk.show(shown, given);
  showFrame(shown, given);
  render();
  window.scrollTo(0, 0);
  shownAt = performance.now() - (shown.given ? 0 : 1000 * (shown.work?.seconds ?? 0));
  focusCard();
  say(`${editing ? "Your earlier work" : "New task"}: ${wordsOf(shown.kind).title.toLowerCase()}${shown.responses.length > 1 ? `, ${shown.responses.length} answers` : ""}.`);
}

/** What stands around the answers. */
function showFrame(shown, given) {
  const words = wordsOf(shown.kind);
  $("title").textContent = words.title;
  document.title = `${words.title} · RLHF.NET`;
  $("prompt-title").textContent = words.prompt;
  $("answers-title").textContent = words.answers;
  $("side-title").textContent = words.side;
  $("cannot").textContent = words.skip;
  $("compare").hidden = shown.responses.length < 2;
  $("comment").value = given?.comment ?? "";
  $("why").value = given?.reason ?? "";
  $("why-box").hidden = !asksWhy();
  $("why-label").textContent = me.reason === "required" ? "Why? (required)" : "Why? (optional)";
  $("prompt-flags").replaceChildren(...flagBoxes(me.flags, given?.prompt_flags));
  $("prompt-flags-box").open = (given?.prompt_flags?.length ?? 0) > 0;
  $("task").classList.toggle("pair", isPair());
  $("task").dataset.kind = shown.kind;
  $("task").dataset.answers = String(shown.responses.length);
  $("cancel-edit").hidden = !editing;
  $("submit").textContent = editing ? "Save the change" : "Submit";
  $("submit").disabled = false;
  $("deciding").hidden = $("said-by").hidden = true;
  $("task").inert = false;
  $("task").hidden = false;
  $("empty").hidden = true;
  $("task").dataset.task = String(shown.id);
}

const asksWhy = () => me.reason !== "none" && (isRanked(task.kind) || task.kind === "review");

// Two answers are voted on; more are ranked.
const isPair = () => state?.count === 2 && isRanked(task?.kind);

const placesOf = (tiers, count) => Array.from({ length: count }, (_, answer) => tiers.findIndex(tier => tier.includes(answer)) + 1);

function showEmpty() {
  task = state = null;
  note("");
  $("task").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = me.paused ? "The work is paused" : "Nothing to do";
  $("empty-text").textContent = me.paused ? "The owner has paused it. What you have done is saved." : "There is no task for you now. Thank you for your work.";
}

function render() {
  note("");
  showCards($("answers"), state);
  showBoard($("board"), $("tray"), state, answer => { selectCard(answer); focusCard(); });
  document.querySelectorAll("#vote button").forEach(button => button.setAttribute("aria-pressed", String(isPair() && ranking.votedFor(state) === voteOf(button))));
  $("notation").textContent = isRanked(task.kind) && !isPair() ? ranking.notation(state, letterOf) : "";
  desk.follow(state);
  renderDone();
}

function renderDone() {
  const text = touched === "text";
  $("undo").disabled = text ? !desk.canUndo : state.past.length === 0;
  $("redo").disabled = text ? !desk.canRedo : state.future.length === 0;
  // Not disabled: pressed, it says what is missing.
  $("submit").setAttribute("aria-disabled", String((isRanked(task.kind) && !ranking.isComplete(state)) || desk.missing() !== null));
}

function takeBack() {
  if (touched === "text") {
    desk.undo();
  } else {
    apply(ranking.undo(state));
  }
}

function doAgain() {
  if (touched === "text") {
    desk.redo();
  } else {
    apply(ranking.redo(state));
  }
}

/** What there is of a judgement, finished or not. */
const unfinished = () => ({
  tiers: isRanked(task.kind) && ranking.isComplete(state) ? ranking.tiers(state) : null, ...beside(), ...desk.unfinished(),
});

/** What stands in the fields beside the task. */
const beside = () => ({
  comment: $("comment").value.trim() || null,
  reason: $("why").value.trim() || null,
  prompt_flags: [...$("prompt-flags").querySelectorAll("input:checked")].map(box => box.value),
  ...readCards($("answers")),
});

// An earlier task that is changed is in the store as it was.
function keep() {
  if (task && !editing) {
    const kept = task;
    keeper.changed(() => ({ task: kept.id, judgement: unfinished(), seconds: spent() }));
  }
}

const spent = () => Math.max(0, (performance.now() - shownAt) / 1000);

const voteOf = button => (button.dataset.vote === "" ? null : Number(button.dataset.vote));

function apply(next) {
  const changed = state.places.findIndex((place, answer) => place !== next.places[answer]);
  state = next;
  touched = "ranking";
  render();
  keep();
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
  if (isRanked(task.kind)) {
    const card = $("answers").children[state.selected];
    card?.focus({ preventScroll: isPair() });
    // On a phone one answer is seen at a time: the marked one.
    if (!isPair()) {
      card?.scrollIntoView({ block: "nearest", inline: "center" });
    }
  } else {
    desk.focus();
  }
}

// ---- Submitting

function submit(cannotJudge = null) {
  if (!task) {
    return;
  }
  if (!cannotJudge && isRanked(task.kind) && !ranking.isComplete(state)) {
    askForPlaces();
    return;
  }
  const lacks = cannotJudge ? null : desk.missing() ?? missingScore($("answers")) ?? askWhy();
  if (lacks) {
    note(lacks);
    return;
  }
  const said = cannotJudge ? { cannot_judge: cannotJudge } : { tiers: isRanked(task.kind) ? ranking.tiers(state) : null, ...desk.judgement() };
  const judgement = { tiers: null, cannot_judge: null, ...beside(), ...said };
  keeper.stop();
  queue.submit({ task: task.id, key, judgement, seconds: spent(), edit: editing !== null, revision: editing ? task.revision : null });
  // What was fetched before is shown at once; what comes after it is fetched when the ranking has arrived.
  if (editing) {
    endEdit();
  } else {
    advance();
  }
}

const askWhy = () => (asksWhy() && me.reason === "required" && $("why").value.trim() === "" ? "Say why first: it is asked for below." : null);

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

async function edit(id) {
  const again = await get(`/api/recent/${id}`);
  $("recent").close();
  editing ??= { task: task && { ...task, given: { ...unfinished(), tiers: null } }, state, spent: performance.now() - shownAt };
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

function openComparison() {
  const second = ranking.isComplete(state) ? ranking.tiers(state).flat().find(answer => answer !== state.selected) : (state.selected + 1) % state.count;
  compare(task.responses, state.selected, second);
}

function switchView() {
  setRaw(!isRaw());
  showView();
  say(isRaw() ? "Raw text: what is trained." : "Formatted text.");
}

function showView() {
  $("view").textContent = isRaw() ? "Formatted text" : "Raw text";
  $("view").setAttribute("aria-pressed", String(isRaw()));
}

enableKeys({
  get task() { return state && task; },
  get state() { return state; },
  get isPair() { return isPair(); },
  desk, apply, submit, takeBack, doAgain, switchView, openComparison, focusCard,
});
enableDragging(document.body, $("board"), $("tray"), (answer, target) => state && apply(ranking.drop(state, answer, target)));
document.querySelectorAll("#vote button").forEach(button => button.addEventListener("click", () => apply(ranking.vote(state, voteOf(button)))));
$("undo").addEventListener("click", takeBack);
$("redo").addEventListener("click", doAgain);
$("view").addEventListener("click", switchView);
$("compare").addEventListener("click", openComparison);
$("task").addEventListener("input", event => event.target.id !== "written" && keep());
enableComparing();
$("submit").addEventListener("click", () => submit());
$("cancel-edit").addEventListener("click", endEdit);
$("again").addEventListener("click", advance);
$("show-instructions").addEventListener("click", () => guide.open());
$("show-recent").addEventListener("click", () => showRecent(edit, complain).catch(problem => complain(problem.message)));
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
  desk.offer(me.use_cases);
  showView();
  guide.begin(me);
  report(me);
  $("owner").hidden = !me.owner;
  $("logout").hidden = me.name === "local";
  setInterval(keepAlive, Math.min(60_000, me.lease_minutes * 20_000));
  const adjudicate = new URLSearchParams(location.search).get("decide");
  if (adjudicate && me.owner) {
    show(await post("/api/owner/adjudicate", { task: Number(adjudicate) }));
    $("deciding").hidden = false;
    showSaid($("said-by"), task.said ?? []);
    queue.prefetch([task.id]);
  } else {
    await advance();
  }
}

start().catch(problem => complain(problem.message));

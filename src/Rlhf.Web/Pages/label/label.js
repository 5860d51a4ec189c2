// The labelers' page: shows a task, keeps what a person does of it, and submits.

import { get, post, wait } from "./api.js";
import { missingBeside, readBeside, showBeside } from "./beside.js";
import { showPrompt } from "./cards.js";
import { Clock } from "./clock.js";
import { Desk } from "./desk.js";
import { showEmpty, showFrame, showProgress, showSaving } from "./frame.js";
import { Guide } from "./guide.js";
import { Keeper } from "./keeping.js";
import { enableKeys } from "./keys.js";
import { wordsOf } from "./kinds.js";
import { isRaw, setRaw } from "./markdown.js";
import { whilePresent } from "./presence.js";
import { newKey, Queue } from "./queue.js";
import * as ranking from "./ranking.js";
import { showRecent } from "./recent.js";
import { showSaid } from "./said.js";
import { Sheet } from "./sheet.js";
import { showText } from "./text.js";
import { enableSkipping } from "./unable.js";

const $ = id => document.getElementById(id);
const queue = new Queue(report);
const clock = new Clock();
const guide = new Guide(openedAt => {
  clock.leaveOutSince(openedAt); // Reading them is not ranking.
  if (sheet.task) {
    focus();
  }
});
const desk = new Desk(() => {
  touched = "text";
  note("");
  renderDone();
  keep();
});
const sheet = new Sheet(() => {
  note("");
  desk.follow(sheet.state);
  renderDone();
}, said => {
  touched = "ranking";
  sheet.draw();
  keep();
  focus();
  if (said) {
    say(said);
  }
});
const keeper = new Keeper(text => { $("kept").textContent = text; });
let me = null;
let touched = "ranking"; // What undo takes back: the text, or the ranking.
let key = null; // Names the ranking of the task: one that is sent twice is one.
let editing = null; // The task that waits while an earlier one is edited.
let advancing = false; // Between a ranking and the next task.
let deciding = false; // An owner decides about one task, and goes back to where that was asked for.

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
    showProgress(progress);
  }
  if (unsaved !== undefined) {
    showSaving(unsaved, trouble, signedOut);
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
  sheet.clear();
  $("task").inert = true;
  $("submit").disabled = true;
  setTimeout(() => advancing && !sheet.task && note("Sent. The next prompt comes when the server has saved this one; leave the page open."), 300);
}

function arrive(found) {
  if (editing) {
    Object.assign(editing, { task: found, state: null, spent: 0 });
  } else if (found) {
    show(found);
  } else {
    sheet.clear();
    note("");
    showEmpty(me.paused);
  }
  if (found) {
    queue.prefetch([found.id]);
  }
}

function show(shown) {
  keeper.stop();
  key = newKey();
  const given = shown.given ?? shown.work?.judgement;
  showPrompt($("prompt"), shown.messages);
  sheet.show(shown, given, me);
  touched = sheet.isRanked ? "ranking" : "text";
  desk.show(shown, given);
  showBeside(shown, given, me);
  showFrame(shown, sheet.isPair, editing !== null);
  sheet.draw();
  window.scrollTo(0, 0);
  clock.begin(shown.given ? 0 : shown.work?.seconds);
  focus();
  say(`${editing ? "Your earlier work" : "New task"}: ${wordsOf(shown.kind).title.toLowerCase()}${shown.responses.length > 1 ? `, ${shown.responses.length} answers` : ""}.`);
}

function renderDone() {
  const text = touched === "text";
  $("undo").disabled = text ? !desk.canUndo : sheet.state.past.length === 0;
  $("redo").disabled = text ? !desk.canRedo : sheet.state.future.length === 0;
  // Not disabled: pressed, it says what is missing.
  $("submit").setAttribute("aria-disabled", String((sheet.isRanked && !sheet.isComplete) || desk.missing() !== null));
}

function takeBack() {
  if (touched === "text") {
    desk.undo();
  } else {
    sheet.apply(ranking.undo(sheet.state));
  }
}

function doAgain() {
  if (touched === "text") {
    desk.redo();
  } else {
    sheet.apply(ranking.redo(sheet.state));
  }
}

/** What there is of a judgement, finished or not. */
const unfinished = () => ({ tiers: sheet.tiers, ...readBeside(), ...desk.unfinished() });

// An earlier task that is changed is in the store as it was.
function keep() {
  if (sheet.task && !editing) {
    const { id } = sheet.task;
    keeper.changed(() => ({ task: id, judgement: unfinished(), seconds: clock.seconds }));
  }
}

function focus() {
  if (sheet.isRanked) {
    sheet.focus();
  } else {
    desk.focus();
  }
}

// ---- Submitting

function submit(cannotJudge = null) {
  const { task } = sheet;
  if (!task) {
    return;
  }
  const lacks = cannotJudge ? null : sheet.missing() ?? desk.missing() ?? missingBeside(task, me);
  if (lacks) {
    note(lacks);
    return;
  }
  const said = cannotJudge ? { cannot_judge: cannotJudge } : { tiers: sheet.tiers, ...desk.judgement() };
  const judgement = { tiers: null, cannot_judge: null, ...readBeside(), ...said };
  keeper.stop();
  const sent = queue.submit({ task: task.id, key, judgement, seconds: clock.seconds, edit: editing !== null, revision: editing ? task.revision : null });
  // What was fetched before is shown at once; what comes after it is fetched when the ranking has arrived.
  if (editing) {
    endEdit();
  } else if (deciding) {
    leave();
    sent.then(() => $("trouble").hidden ? location.assign("/owner") : advance());
  } else {
    advance();
  }
}

// ---- Earlier rankings

async function edit(id) {
  const again = await get(`/api/recent/${id}`);
  $("recent").close();
  const { task, state } = sheet;
  editing ??= { task: task && { ...task, given: { ...unfinished(), tiers: null } }, state, spent: clock.seconds };
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
    clock.begin(waiting.spent);
    sheet.restore(waiting.state);
  }
}

// ---- What a person does

function switchView() {
  setRaw(!isRaw());
  showView();
  say(isRaw() ? "Raw text: what is trained." : "Formatted text.");
}

function showView() {
  $("view").textContent = isRaw() ? "Formatted text" : "Raw text";
  $("view").setAttribute("aria-pressed", String(isRaw()));
}

enableKeys({ sheet, desk, submit, takeBack, doAgain, switchView });
$("undo").addEventListener("click", takeBack);
$("redo").addEventListener("click", doAgain);
$("view").addEventListener("click", switchView);
$("task").addEventListener("input", event => event.target.id !== "written" && keep());
$("submit").addEventListener("click", () => submit());
$("cancel-edit").addEventListener("click", endEdit);
$("again").addEventListener("click", advance);
$("show-instructions").addEventListener("click", () => guide.open());
$("show-recent").addEventListener("click", () => showRecent(edit, complain).catch(problem => complain(problem.message)));
$("trouble-close").addEventListener("click", () => { $("trouble").hidden = true; });
$("show-keys").addEventListener("click", () => $("keys").showModal());
enableSkipping(submit);
$("logout").addEventListener("click", async () => {
  await post("/api/logout", {});
  location.assign("/login");
});

addEventListener("beforeunload", event => queue.unsaved > 0 && event.preventDefault());

/** The tasks that are on the page stay with the labeler. */
async function renew() {
  const held = [sheet.task.id, editing?.task?.id, await queue.held()].filter(id => id !== undefined);
  await post("/api/renew", { tasks: held }, queue.unsaved > 0).then(report).catch(() => {});
}

async function start() {
  me = await get("/api/me");
  desk.offer(me.use_cases);
  showView();
  guide.begin(me);
  report(me);
  $("owner").hidden = !me.owner;
  $("logout").hidden = me.name === "local";
  whilePresent(Math.min(60_000, me.lease_minutes * 20_000), () => sheet.task && renew());
  const adjudicate = new URLSearchParams(location.search).get("decide");
  deciding = Boolean(adjudicate && me.owner);
  if (deciding) {
    show(await post("/api/owner/adjudicate", { task: Number(adjudicate) }));
    $("deciding").hidden = false;
    showSaid($("said-by"), sheet.task.said ?? []);
  } else {
    await advance();
  }
}

start().catch(problem => complain(problem.message));

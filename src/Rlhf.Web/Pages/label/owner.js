// The owner's page: how far the work is, how far labelers agree, what to decide, settings, import and export.

import { get, post, postRows } from "./api.js";
import { showPrompt } from "./cards.js";
import { showMarkdown } from "./markdown.js";
import { showArenas } from "./owner-arena.js";
import { showFigures, widthOf } from "./owner-figures.js";
import { compareJudge, offerJudges } from "./owner-judge.js";
import { SettingsForm } from "./owner-settings.js";
import { element, fill, flagsOf, isNew, letter, link, listed, number, percent, share } from "./owner-tables.js";
import { find, offerFilters } from "./owner-tasks.js";
import { addUser, showUsers } from "./owner-users.js";

const askedEvery = 3_000; // Whether anything is new: a request that costs next to nothing.
const refreshedEvery = 60_000; // What is said of the last hour changes by itself.

const $ = id => document.getElementById(id);
const form = new SettingsForm();
let version = null; // Of what is shown.
let refreshedAt = 0;
let settings = null;
let figures = null; // What is drawn.

async function refresh() {
  try {
    const overview = await get("/api/owner/overview");
    show(overview);
    version = overview.version;
    refreshedAt = performance.now();
    tell("fresh", `As of ${new Date().toLocaleTimeString()}`);
  } catch (problem) {
    tell("fresh", `Not refreshed: ${problem.message}`, true);
  }
}

function show(overview) {
  settings = overview.settings;
  form.show(settings);
  $("pause").textContent = settings.paused ? "Resume" : "Pause";
  $("pause").hidden = false;
  const focused = document.activeElement?.dataset.task;
  draw(overview);
  if (focused && !document.activeElement?.dataset.task) {
    document.querySelector(`button[data-task="${focused}"]`)?.focus();
  }
}

function draw({ report, arenas, table, progress, rounds, users }) {
  $("progress").value = progress.wanted > 0 ? progress.done / progress.wanted : 0;
  $("progress-text").textContent = `${progress.done} of ${progress.wanted}; ${report.last_hour} in the last hour, ${report.last_day} in 24 hours`;
  showAgreement(report);
  $("arena").hidden = arenas.length === 0;
  if (isNew("arenas", [arenas, table])) {
    showArenas($("arenas"), arenas, table, taskButton);
  }
  figures = report.figures;
  drawFigures();
  $("warnings-section").hidden = report.warnings.length === 0;
  fill("warnings", report.warnings, one => [one.labeler, one.text]);
  showUsers(users, act);
  offerJudges(report.labelers);
  offerFilters(rounds, report.labelers);
  fill("labelers", report.labelers, one => [
    one.name, one.rankings, one.last_day, one.not_judged, `${one.median_seconds.toFixed(0)} s`, share(one.agreement), share(one.calibration)]);
  fill("disputed", report.disputed, one => [one.prompt.trim() || "(an empty prompt)", percent(one.agreement), one.labelers, taskButton(one.task, one.decided ? "Decided" : "Look")]);
  fill("notes", report.notes, one => [one.labeler, flagsOf(one.flags), [one.cannot_judge && `Not judged: ${one.cannot_judge}`, one.comment, one.reason && `Why: ${one.reason}`].filter(Boolean).join(" · "), taskButton(one.task, "Look")]);
  fill("rounds", rounds, one => [one.round, one.done, one.wanted, link("Export", `/api/owner/export?round=${encodeURIComponent(one.round)}`)]);
}

/** Draws the plots where they, or the width that they have, are new. */
function drawFigures() {
  if (figures && isNew("figures", [figures, widthOf($("figures"))])) {
    showFigures($("figures"), figures);
  }
}

function showAgreement(report) {
  const figures = [
    ["Prompts ranked by two or more", String(report.compared)],
    ["Pairs on which two labelers say the same", share(report.pairwise)],
    ["Kendall's W", number(report.kendalls_w)],
    ["Krippendorff's alpha (ordinal)", number(report.krippendorffs_alpha)],
  ];
  if (isNew("agreement", figures)) {
    $("agreement").replaceChildren(...listed(figures));
  }
}

function taskButton(task, text) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.dataset.task = String(task);
  made.addEventListener("click", () => showTask(task).catch(problem => {
    $("trouble").textContent = problem.message;
    $("trouble").hidden = false;
  }));
  return made;
}

async function showTask(id) {
  const task = await get(`/api/owner/tasks/${id}`);
  showPrompt($("prompt"), task.messages);
  $("answers").replaceChildren(...task.responses.map((response, answer) => {
    const card = document.createElement("article");
    card.className = "card";
    const text = document.createElement("div");
    text.className = "text";
    showMarkdown(text, response);
    card.append(element("strong", task.models ? `${letter(answer)} · ${task.models[answer]}` : letter(answer)), text);
    return card;
  }));
  const ranks = tiers => (tiers ? tiers.map(tier => tier.map(letter).join(" = ")).join(" > ") : "not judged");
  const rows = task.rankings.map(one => [one.adjudication ? `${one.labeler} (decides)` : one.labeler, saidOf(one.judgement, ranks), one.seconds.toFixed(0), one.edits]);
  if (task.known) {
    rows.push(["known to be right", ranks(task.known), "", ""]);
  }
  fill("rankings", rows, row => row);
  $("draft").hidden = !task.draft;
  showMarkdown($("draft-text"), task.draft ?? "");
  $("trouble").hidden = true;
  $("decide").href = `/?decide=${id}`;
  $("decide").hidden = $("decide-hint").hidden = task.ranked_by_you;
  $("decided-hint").hidden = !task.ranked_by_you;
  $("details").showModal();
}

/** What somebody said of a task, in a line: a verdict, a ranking, what was written. */
function saidOf(judgement, ranks) {
  const parts = [judgement.cannot_judge && "skipped", judgement.verdict, judgement.tiers && ranks(judgement.tiers), judgement.use_case,
    judgement.written && `${judgement.corrected === null ? "" : `${letter(judgement.corrected)} mended: `}${judgement.written}`, judgement.reason && `why: ${judgement.reason}`];
  return parts.filter(Boolean).join(" · ");
}

// ---- What an owner does: what became of it stands beside the button.

function tell(id, text, isError = false) {
  $(id).textContent = text;
  $(id).classList.toggle("error", isError);
}

async function doing(id, work) {
  tell(id, "…");
  try {
    tell(id, await work());
  } catch (problem) {
    tell(id, problem.message, true);
  }
}

/** Does something about people, says what became of it, and shows them anew. */
const act = work => doing("users-said", async () => {
  const said = await work();
  await refresh();
  return said;
});

async function pause() {
  const paused = !settings.paused;
  await post("/api/owner/settings", { paused });
  await refresh();
  return paused ? "Paused: nobody gets new prompts." : "Resumed";
}

async function importFile() {
  const query = new URLSearchParams({ round: $("round").value, kind: $("kind").value, calibration: String($("calibration").checked) });
  $("import-button").disabled = true;
  try {
    const result = await postRows(`/api/owner/import?${query}`, $("file").files[0]);
    $("import").reset();
    await refresh();
    return `${result.added} new tasks, ${result.known} that were there already, ${result.rankings} new rankings.${result.note ? ` Note: ${result.note}.` : ""}`;
  } finally {
    $("import-button").disabled = false;
  }
}

$("refresh").addEventListener("click", refresh);
$("pause").addEventListener("click", () => doing("pause-said", pause));
$("import").addEventListener("submit", event => {
  event.preventDefault();
  doing("import-said", importFile);
});
$("settings").addEventListener("submit", event => {
  event.preventDefault();
  doing("settings-said", () => form.save());
});

$("add-user").addEventListener("submit", event => {
  event.preventDefault();
  act(addUser);
});
$("find").addEventListener("submit", event => {
  event.preventDefault();
  doing("find-said", () => find(taskButton, false));
});
$("find-more").addEventListener("click", () => doing("find-said", () => find(taskButton, true)));
$("judge").addEventListener("change", () => doing("judge-said", async () => {
  await compareJudge();
  return "";
}));

// The page is as new as its last look, whoever works meanwhile; only what has changed is fetched and drawn.
async function keepFresh() {
  if (!document.hidden && !$("details").open) {
    const now = version === null ? null : await get("/api/owner/version").then(answer => answer.version, () => null);
    if (now === null || now !== version || performance.now() - refreshedAt > refreshedEvery) {
      await refresh();
    }
  }
  setTimeout(keepFresh, askedEvery);
}

addEventListener("resize", drawFigures);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
keepFresh();

// The owner's page: how far the work is, how far labelers agree, what to decide, settings, import and export.

import { get, post, postRows } from "./api.js";
import { flagName, showPrompt } from "./cards.js";
import { SettingsForm } from "./owner-settings.js";
import { showMarkdown } from "./markdown.js";
import { showText } from "./text.js";

const refreshedEvery = 10_000;
const listedAtOnce = 8;
const unfolded = new Set(); // Tables of which all rows are shown.

const $ = id => document.getElementById(id);
const form = new SettingsForm();
let shown = ""; // The overview as text: what has not changed is not drawn again.
let settings = null;

async function refresh() {
  try {
    const overview = await get("/api/owner/overview");
    show(overview);
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
  const text = JSON.stringify(overview);
  if (text === shown) {
    return;
  }
  shown = text;
  const focused = document.activeElement?.dataset.task;
  draw(overview);
  if (focused) {
    document.querySelector(`button[data-task="${focused}"]`)?.focus();
  }
}

function draw({ report, arenas, progress, rounds }) {
  $("progress").value = progress.wanted > 0 ? progress.done / progress.wanted : 0;
  $("progress-text").textContent = `${progress.done} of ${progress.wanted}; ${report.last_hour} in the last hour, ${report.last_day} in 24 hours`;
  showAgreement(report);
  $("arena").hidden = arenas.length === 0;
  $("arenas").replaceChildren(...arenas.flatMap(showArena));
  fill("labelers", report.labelers, one => [
    one.name, one.rankings, one.last_day, one.not_judged, `${one.median_seconds.toFixed(0)} s`, share(one.agreement), share(one.calibration)]);
  fill("disputed", report.disputed, one => [one.prompt.trim() || "(an empty prompt)", percent(one.agreement), one.labelers, taskButton(one.task, one.decided ? "Decided" : "Look")]);
  fill("notes", report.notes, one => [one.labeler, flagsOf(one.flags), [one.cannot_judge && `Not judged: ${one.cannot_judge}`, one.comment, one.reason && `Why: ${one.reason}`].filter(Boolean).join(" · "), taskButton(one.task, "Look")]);
  fill("rounds", rounds, one => [one.round, one.done, one.wanted, link("Export", `/api/owner/export?round=${encodeURIComponent(one.round)}`)]);
}

function showAgreement(report) {
  const figures = [
    ["Prompts ranked by two or more", String(report.compared)],
    ["Pairs on which two labelers say the same", share(report.pairwise)],
    ["Kendall's W", number(report.kendalls_w)],
    ["Krippendorff's alpha (ordinal)", number(report.krippendorffs_alpha)],
  ];
  $("agreement").replaceChildren(...listed(figures));
}

const listed = figures => figures.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);

function showArena(arena) {
  const figures = document.createElement("dl");
  figures.className = "figures";
  figures.append(...listed([
    ["Prompts", `${arena.prompts}, of them ${arena.identical} with the same answer twice (ties; nobody is asked) and ${arena.judged} judged`],
    ["Votes", arena.votes ? `${arena.votes.wins} wins, ${arena.votes.ties} ties, ${arena.votes.losses} losses` : "none yet"],
    [`${arena.model} wins, ties a half`, share(arena.win_rate)],
    ["Of votes without ties, for the answer on the left", share(arena.first_shown)],
    ["Votes on which two labelers say the same", share(arena.agreement)],
    ["Not judged", String(arena.not_judged)],
  ]));
  const table = document.createElement("table");
  const head = document.createElement("tr");
  head.append(...["name", "wins", "ties", "losses", "for the left answer", "agreement with others"].map(name => element("th", name)));
  head.firstElementChild.className = "free";
  const body = document.createElement("tbody");
  table.createTHead().append(head);
  table.append(body);
  fillBody(body, arena.labelers, one => [one.name, one.wins, one.ties, one.losses, share(one.first_shown), share(one.agreement)]);
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.append(table);
  return [element("h3", `${arena.model} against ${arena.versus}`), figures, wide];
}

// A number and its unit stay on one line.
const percent = value => `${(100 * value).toFixed(0)}\u00a0%`;
const share = estimate => (estimate ? `${percent(estimate.value)} [${percent(estimate.low)},\u00a0${percent(estimate.high)}]` : "–");
const number = estimate => (estimate ? `${estimate.value.toFixed(2)} [${estimate.low.toFixed(2)}, ${estimate.high.toFixed(2)}]` : "–");
const letter = answer => String.fromCharCode(65 + answer);
const flagsOf = flags => Object.entries(flags).map(([answer, own]) => `${letter(Number(answer))}: ${own.map(flagName).join(", ")}`).join("; ");

function element(name, content) {
  const made = document.createElement(name);
  if (content instanceof Node) {
    made.append(content);
  } else {
    made.dir = "auto";
    showText(made, String(content ?? "") || "–");
  }
  return made;
}

const fill = (id, rows, cells) => fillBody($(id), rows, cells);

function fillBody(body, rows, cells) {
  const heads = [...body.closest("table").tHead.rows[0].cells];
  body.replaceChildren(...rows.map(row => {
    const line = document.createElement("tr");
    line.append(...cells(row).map((cell, index) => cellOf(heads[index], cell)));
    return line;
  }));
  if (rows.length === 0) {
    body.append(wholeRow(heads, "none"));
  } else if (rows.length > listedAtOnce && !unfolded.has(body.id)) {
    [...body.rows].slice(listedAtOnce).forEach(line => { line.hidden = true; });
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = `Show all ${rows.length}`;
    more.addEventListener("click", () => {
      unfolded.add(body.id);
      [...body.rows].forEach(line => { line.hidden = false; });
      more.closest("tr").remove();
    });
    body.append(wholeRow(heads, more));
  }
}

function wholeRow(heads, content) {
  const line = document.createElement("tr");
  const cell = element("td", content);
  cell.colSpan = heads.length;
  line.append(cell);
  return line;
}

function cellOf(head, content) {
  const cell = element("td", content);
  cell.className = head.className;
  if (head.textContent !== "") {
    cell.dataset.name = head.textContent;
  }
  // What can be pressed stands for itself, and text is one cell of the grid that a phone shows.
  if (!(content instanceof Node)) {
    const inner = document.createElement("span");
    inner.append(...cell.childNodes);
    cell.append(inner);
  }
  return cell;
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

function link(text, address) {
  const made = document.createElement("a");
  made.textContent = text;
  made.href = address;
  made.download = "rankings.jsonl";
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

// The page is as new as its last look, whoever works meanwhile.
async function keepFresh() {
  if (!document.hidden && !$("details").open) {
    await refresh();
  }
  setTimeout(keepFresh, refreshedEvery);
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());
keepFresh();

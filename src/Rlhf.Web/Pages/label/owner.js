// The owner's page: how far the work is, how far labelers agree, what to decide, settings, import and export.

import { Refusal, get, post } from "./api.js";
import { flagName, showPrompt } from "./cards.js";
import { showText } from "./text.js";

const $ = id => document.getElementById(id);
let settings = null;

async function refresh() {
  const { report, arenas, progress, rounds, settings: current } = await get("/api/owner/overview");
  settings = current;
  $("progress").value = progress.wanted > 0 ? progress.done / progress.wanted : 0;
  $("progress-text").textContent = `${progress.done} of ${progress.wanted}; ${report.last_hour} in the last hour, ${report.last_day} in 24 hours`;
  $("pause").textContent = settings.paused ? "Resume" : "Pause";
  showAgreement(report);
  $("arena").hidden = arenas.length === 0;
  $("arenas").replaceChildren(...arenas.flatMap(showArena));
  fill("labelers", report.labelers, one => [
    one.name, one.rankings, one.last_day, one.not_judged, `${one.median_seconds.toFixed(0)} s`, share(one.agreement), share(one.calibration)]);
  fill("disputed", report.disputed, one => [one.prompt, percent(one.agreement), one.labelers, button(one.decided ? "Decided" : "Look", () => showTask(one.task))]);
  fill("notes", report.notes, one => [one.labeler, flagsOf(one.flags), [one.cannot_judge && `Not judged: ${one.cannot_judge}`, one.comment].filter(Boolean).join(" · "), button("Look", () => showTask(one.task))]);
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
  const body = document.createElement("tbody");
  fillBody(body, arena.labelers, one => [one.name, one.wins, one.ties, one.losses, share(one.first_shown), share(one.agreement)]);
  table.createTHead().append(head);
  table.append(body);
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.append(table);
  return [element("h3", `${arena.model} against ${arena.versus}`), figures, wide];
}

const percent = value => `${(100 * value).toFixed(0)} %`;
const share = estimate => (estimate ? `${percent(estimate.value)} [${percent(estimate.low)}, ${percent(estimate.high)}]` : "–");
const number = estimate => (estimate ? `${estimate.value.toFixed(2)} [${estimate.low.toFixed(2)}, ${estimate.high.toFixed(2)}]` : "–");
const letter = answer => String.fromCharCode(65 + answer);
const flagsOf = flags => Object.entries(flags).map(([answer, own]) => `${letter(Number(answer))}: ${own.map(flagName).join(", ")}`).join("; ");

function element(name, content) {
  const made = document.createElement(name);
  if (content instanceof Node) {
    made.append(content);
  } else {
    made.dir = "auto";
    showText(made, String(content ?? ""));
  }
  return made;
}

const fill = (id, rows, cells) => fillBody($(id), rows, cells);

function fillBody(body, rows, cells) {
  body.replaceChildren(...rows.map(row => {
    const line = document.createElement("tr");
    line.append(...cells(row).map(cell => element("td", cell)));
    return line;
  }));
  if (rows.length === 0) {
    const line = document.createElement("tr");
    const none = element("td", "none");
    none.colSpan = 99;
    line.append(none);
    body.append(line);
  }
}

function button(text, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => run(onClick));
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
    showText(text, response);
    card.append(element("strong", task.models ? `${letter(answer)} · ${task.models[answer]}` : letter(answer)), text);
    return card;
  }));
  const ranks = tiers => (tiers ? tiers.map(tier => tier.map(letter).join(" = ")).join(" > ") : "not judged");
  const rows = task.rankings.map(one => [one.adjudication ? `${one.labeler} (decides)` : one.labeler, ranks(one.judgement.tiers), one.seconds.toFixed(0), one.edits]);
  if (task.known) {
    rows.push(["known to be right", ranks(task.known), "", ""]);
  }
  fill("rankings", rows, row => row);
  $("decide").href = `/?decide=${id}`;
  $("details").showModal();
}

async function save(changes, done) {
  await post("/api/owner/settings", changes);
  $("done").textContent = done;
  await refresh();
  showSettings();
}

function showSettings() {
  $("overlap").value = settings.overlap;
  $("lease").value = settings.lease_minutes;
  $("share").value = settings.calibration_share;
  $("instructions-source").value = settings.instructions;
}

async function importFile() {
  const query = new URLSearchParams({ round: $("round").value, calibration: String($("calibration").checked) });
  const response = await fetch(`/api/owner/import?${query}`, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: $("file").files[0] });
  const result = await response.json();
  if (!response.ok) {
    throw new Refusal(result.error, response.status);
  }
  $("done").textContent = `${result.added} new tasks, ${result.known} that were there already, ${result.rankings} new rankings.`;
  $("done").className = "banner";
  $("import").reset();
  await refresh();
}

async function run(work) {
  $("trouble").hidden = true;
  try {
    await work();
  } catch (problem) {
    $("trouble").textContent = problem.message;
    $("trouble").hidden = false;
  }
}

$("refresh").addEventListener("click", () => run(refresh));
$("pause").addEventListener("click", () => run(() => save({ paused: !settings.paused }, settings.paused ? "Resumed" : "Paused")));
$("import").addEventListener("submit", event => {
  event.preventDefault();
  run(importFile);
});
$("settings").addEventListener("submit", event => {
  event.preventDefault();
  run(() => save({
    overlap: Number($("overlap").value), lease_minutes: Number($("lease").value), calibration_share: Number($("share").value), instructions: $("instructions-source").value,
  }, "Saved"));
});

run(async () => {
  await refresh();
  showSettings();
});

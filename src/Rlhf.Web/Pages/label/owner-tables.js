// Tables and figures of the owner's page. What has not changed is not drawn again: a selection, a focus, an unfolded row stay.

import { flagName } from "./cards.js";
import { showText } from "./text.js";

const listedAtOnce = 8;
const unfolded = new Set(); // Tables of which all rows are shown.
const drawn = new Map(); // By name: what it was drawn from.

/** Whether something is another than at the last time under this name. */
export function isNew(name, content) {
  const text = JSON.stringify(content);
  if (drawn.get(name) === text) {
    return false;
  }
  drawn.set(name, text);
  return true;
}

export const listed = figures => figures.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);

// A number and its unit stay on one line.
export const percent = value => `${(100 * value).toFixed(0)}\u00a0%`;
export const share = estimate => (estimate ? `${percent(estimate.value)} [${percent(estimate.low)},\u00a0${percent(estimate.high)}]` : "–");
export const number = estimate => (estimate ? `${estimate.value.toFixed(2)} [${estimate.low.toFixed(2)}, ${estimate.high.toFixed(2)}]` : "–");
export const letter = answer => String.fromCharCode(65 + answer);
export const flagsOf = flags => Object.entries(flags).map(([answer, own]) => `${letter(Number(answer))}: ${own.map(flagName).join(", ")}`).join("; ");

export function element(name, content) {
  const made = document.createElement(name);
  if (content instanceof Node) {
    made.append(content);
  } else {
    made.dir = "auto";
    showText(made, String(content ?? "") || "–");
  }
  return made;
}

/** Fills the body of a table with rows, where they are others than before. */
export function fill(id, rows, cells) {
  if (isNew(id, rows)) {
    fillBody(document.getElementById(id), rows, cells);
  }
}

export function fillBody(body, rows, cells, isWhole = false) {
  const heads = [...body.closest("table").tHead.rows[0].cells];
  body.replaceChildren(...rows.map(row => {
    const line = document.createElement("tr");
    line.append(...cells(row).map((cell, index) => cellOf(heads[index], cell)));
    return line;
  }));
  if (rows.length === 0) {
    body.append(wholeRow(heads, "none"));
  } else if (!isWhole && rows.length > listedAtOnce && !(body.id && unfolded.has(body.id))) {
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
  if (head.textContent !== "" && !head.querySelector(".unseen")) {
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

/** A table with its heads; the first column is for free text. */
export function tableOf(heads, rows) {
  const table = document.createElement("table");
  const line = document.createElement("tr");
  line.append(...heads.map(name => element("th", name === "" ? unseen("open it") : name)));
  line.firstElementChild.className = "free";
  table.createTHead().append(line);
  const body = table.createTBody();
  fillBody(body, rows, cells => cells);
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.append(table);
  return wide;
}

/** Draws a place anew; what was unfolded there stays so. */
export function redraw(place, parts) {
  const open = [...place.querySelectorAll("details")].map(one => one.open);
  place.replaceChildren(...parts);
  place.querySelectorAll("details").forEach((one, index) => { one.open = open[index] ?? false; });
}

/** A text for those who hear the page. */
function unseen(text) {
  const made = document.createElement("span");
  made.className = "unseen";
  made.textContent = text;
  return made;
}

export function link(text, address) {
  const made = document.createElement("a");
  made.textContent = text;
  made.href = address;
  made.download = "rankings.jsonl";
  return made;
}

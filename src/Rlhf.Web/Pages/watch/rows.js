// Samples as they come, newest first, and the ledger of the data.

import { element, number } from "./drawing.js";

const kept = 24, open = 6;

export class Samples {
  constructor(place, runs) {
    [this.place, this.runs, this.names, this.all] = [place, runs, [], []];
    this.more = element("details");
    [this.first, this.rest] = [element("div", "answers"), element("div", "answers")];
    this.title = element("summary");
    this.more.append(this.title, this.rest);
    this.empty = element("p", "", "None yet: SFT and PPO keep some as they evaluate and roll out.");
    place.replaceChildren(this.empty, this.first, this.more);
    this.show();
  }

  call(run, name) {
    this.names[run] = name;
  }

  add({ run, samples }) {
    this.all.unshift(...samples.toReversed().map(sample => this.card(run, sample)));
    this.all.length = Math.min(this.all.length, kept);
    this.show();
  }

  show() {
    this.empty.hidden = this.all.length > 0;
    this.more.hidden = this.all.length <= open;
    this.title.textContent = `${this.all.length - open} earlier samples`;
    this.first.replaceChildren(...this.all.slice(0, open));
    this.rest.replaceChildren(...this.all.slice(open));
  }

  card(run, sample) {
    const values = Object.entries(sample.values).map(([name, value]) => `${name} ${number(value)}`);
    const meta = [this.runs > 1 ? this.names[run] : "", sample.stage, `step ${number(sample.step)}`, ...values].filter(part => part);
    const card = element("article", "sample");
    const [asked, answer] = [element("div", "text asked", sample.prompt), element("div", "text", sample.response)];
    asked.dir = answer.dir = "auto";
    card.append(element("p", "meta", meta.join(" · ")), asked, answer);
    return card;
  }
}

const columns = [["rows_in", "rows in"], ["kept", "kept"], ["dropped", "dropped"], ["truncated", "cut"], ["tokens_cut", "tokens cut"]];

export class Ledger {
  constructor(place, runs) {
    [this.place, this.runs, this.names] = [place, runs, []];
    this.parts = Array.from({ length: runs }, () => element("div"));
    place.replaceChildren(this.empty = element("p", "", "Nothing was read yet."), ...this.parts);
  }

  call(run, name) {
    this.names[run] = name;
  }

  show({ run, stages }) {
    const part = this.parts[run];
    const opened = new Set([...part.querySelectorAll("details[open]")].map(one => one.dataset.stage));
    const last = stages.at(-1)?.stage;
    const fresh = part.childElementCount === 0;
    part.replaceChildren(...stages.map(stage => {
      const details = this.stage(run, stage);
      details.open = opened.has(stage.stage) || (fresh && stages.length === 1 && stage.stage === last);
      return details;
    }));
    this.empty.hidden = this.parts.some(one => one.childElementCount > 0);
  }

  stage(run, { stage, files }) {
    const sum = key => files.reduce((total, file) => total + file[key], 0);
    const details = element("details");
    details.dataset.stage = stage;
    const name = this.runs > 1 ? `${this.names[run] ?? ""}, ${stage}` : stage;
    details.append(
      element("summary", "", `${name}: ${number(sum("kept"))} of ${number(sum("rows_in"))} rows kept, ${number(sum("dropped"))} dropped, ${number(sum("truncated"))} cut`),
      this.table(files), ...files.flatMap(file => file.reasons.length ? [reasons(file)] : []));
    return details;
  }

  table(files) {
    const [wide, table, head, body] = [element("div", "wide"), element("table"), element("thead"), element("tbody")];
    const titles = element("tr");
    titles.append(...["file", ...columns.map(([, title]) => title)].map(title => {
      const cell = element("th", "", title);
      cell.scope = "col";
      return cell;
    }));
    head.append(titles);
    body.append(...files.map(file => {
      const row = element("tr");
      row.append(element("td", "", file.file), ...columns.map(([key]) => element("td", "number", number(file[key]))));
      return row;
    }));
    table.append(head, body);
    wide.append(table);
    wide.tabIndex = 0; // What does not fit is reached by the keyboard.
    wide.setAttribute("role", "group");
    wide.setAttribute("aria-label", "Rows by file");
    return wide;
  }
}

function reasons(file) {
  const list = element("ul");
  list.append(...file.reasons.map(reason => element("li", "", `${reason.kind}: ${reason.reason} (${number(reason.count)})`)));
  return list;
}

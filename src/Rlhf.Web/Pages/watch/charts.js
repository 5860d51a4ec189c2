// Curves: kept as the server sends them (columns with least, greatest and mean value), drawn at most once a second where they can be seen.

import { Chart } from "./chart.js";
import { element, replaceText } from "./drawing.js";

const open = 6;
/** 03-reward in one run is what 02-reward is in another. */
const kindOf = stage => stage.replace(/^\d+-/, "");

export class Curves {
  constructor(place, legend, runs) {
    [this.place, this.legend, this.runs] = [place, legend, runs];
    this.names = Array.from({ length: runs }, () => "…");
    this.now = Array.from({ length: runs }, () => null);
    this.curves = Array.from({ length: runs }, () => new Map());
    this.stages = new Map();
    this.changed = new Set(); // kinds of stages
    place.replaceChildren(this.empty = element("p", "note", "No metrics yet: the first come with the first step."));
    this.draw = this.draw.bind(this);
  }

  call(run, name) {
    if (this.names[run] !== name) {
      this.names[run] = name;
      this.changed = new Set(this.stages.keys());
      this.legend.hidden = this.runs < 2;
      this.legend.replaceChildren(...this.names.map((one, at) => swatch(at, one)));
    }
  }

  underWay(run, stage) {
    this.now[run] = stage ? kindOf(stage) : this.now[run];
    this.later();
  }

  forget(run) {
    this.curves[run].clear();
    this.changed = new Set(this.stages.keys());
    this.later();
  }

  add({ run, curves }) {
    for (const sent of curves) {
      const name = `${kindOf(sent.stage)}\n${sent.key}`;
      let curve = this.curves[run].get(name);
      if (!curve) {
        this.curves[run].set(name, curve = { kind: kindOf(sent.stage), stage: sent.stage, key: sent.key, columns: new Map() });
      }
      if (curve.width !== sent.width || curve.first !== sent.first) {
        curve.columns.clear();
      }
      this.changed.add(curve.kind);
      curve.metric = sent.metric ?? curve.metric;
      [curve.first, curve.width, curve.last] = [sent.first, sent.width, sent.last];
      for (const [at, low, high, mean] of sent.columns) {
        curve.columns.set(at, { low, high, mean });
      }
      this.latest = { ...this.latest, [run]: sent.key === "tokens_per_second" ? sent.last : this.latest?.[run] };
    }
    this.later();
  }

  speedOf(run) {
    return this.latest?.[run];
  }

  later() {
    this.waiting ??= setTimeout(this.draw, 250);
  }

  draw() {
    this.waiting = null;
    const all = this.curves.flatMap((curves, run) => [...curves.values()].map(curve => ({ ...curve, run })));
    const kinds = Map.groupBy(all, curve => curve.kind);
    this.empty.hidden = all.length > 0;
    for (const [kind, curves] of kinds) {
      if (!this.stages.has(kind)) {
        const stage = new StageCurves(kind, curves[0].stage);
        this.stages.set(kind, stage);
        const places = [...this.stages.values()].sort((one, other) => one.stage.localeCompare(other.stage, "en"));
        this.place.append(...places.map(one => one.details));
      }
    }
    const latest = this.now.findLast(kind => kind && this.stages.has(kind)) ?? [...this.stages.keys()].at(-1);
    for (const [kind, stage] of this.stages) {
      stage.details.hidden = !kinds.has(kind);
      stage.openIf(kind === latest);
      if (this.changed.delete(kind)) {
        stage.show(kinds.get(kind) ?? [], this.runs, this.names);
      }
    }
  }
}

class StageCurves {
  constructor(kind, stage) {
    this.stage = stage;
    this.charts = new Map();
    this.details = element("details");
    this.title = element("summary", "", stage);
    [this.first, this.more, this.still] = [element("div", "charts"), folded(), folded()];
    this.details.append(this.title, this.first, this.more.details, this.still.details);
    // Who opens or closes a stage has the last word.
    this.title.addEventListener("click", () => { this.chosen = true; });
    for (const part of [this.details, this.more.details, this.still.details]) {
      part.addEventListener("toggle", () => this.drawSeen());
    }
  }

  openIf(latest) {
    if (!this.chosen && latest !== this.wasLatest) {
      this.details.open = this.wasLatest = latest;
    }
  }

  show(curves, runs, names) {
    const panelOf = curve => runs > 1 ? curve.key : curve.metric.panel;
    const panels = [...Map.groupBy(curves, panelOf).values()].sort((one, other) =>
      one[0].metric.order - other[0].metric.order || Math.min(...one.map(c => c.metric.place)) - Math.min(...other.map(c => c.metric.place)));
    const [moving, still] = [panels.filter(panel => !isStill(panel)), panels.filter(isStill)];
    replaceText(this.title, `${this.stage.replace(/-second$/, ": the model that only checks")}, ${panels.length} charts`);
    this.fill(this.first, moving.slice(0, open), panelOf, runs, names);
    this.fill(this.more.place, moving.slice(open), panelOf, runs, names);
    this.fill(this.still.place, still, panelOf, runs, names);
    replaceText(this.more.title, `${moving.length - open} more`);
    replaceText(this.still.title, `${still.length} that do not move`);
    this.more.details.hidden = moving.length <= open;
    this.still.details.hidden = still.length === 0;
    this.drawSeen();
  }

  fill(place, panels, panelOf, runs, names) {
    const wanted = panels.map(panel => {
      const name = panelOf(panel[0]);
      if (!this.charts.has(name)) {
        this.charts.set(name, new Chart());
      }
      const chart = this.charts.get(name);
      chart.take(panel, runs, names);
      return chart.figure;
    });
    if (wanted.length !== place.children.length || wanted.some((figure, at) => place.children[at] !== figure)) {
      place.replaceChildren(...wanted);
    }
  }

  drawSeen() {
    for (const chart of this.charts.values()) {
      if (chart.figure.checkVisibility()) {
        chart.draw();
      }
    }
  }
}

function folded() {
  const [details, title, place] = [element("details"), element("summary"), element("div", "charts")];
  details.append(title, place);
  return { details, title, place };
}

const isStill = panel => panel.every(curve => {
  const columns = [...curve.columns.values()];
  return columns.length > 1 && columns.every(column => column.low === columns[0].low && column.high === columns[0].low);
});

export function swatch(at, name) {
  const place = element("span");
  place.append(element("i", `swatch s${at}`), name);
  return place;
}

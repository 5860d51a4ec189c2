// One chart: a band and a line for each curve, and a cursor that reads their values.

import { axis, element, number, replaceText, svg } from "./drawing.js";

const [width, height, left, right, top, bottom] = [380, 200, 54, 10, 8, 24];
const most = 6;

export class Chart {
  constructor() {
    this.figure = element("figure", "chart");
    this.caption = element("figcaption");
    this.drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0" });
    this.legend = element("div", "legend values");
    this.reading = element("p", "reading");
    this.meaning = element("p", "meaning");
    this.figure.append(this.caption, this.drawing, this.legend, this.reading, this.meaning);
    this.drawing.addEventListener("pointermove", event => this.point(event));
    this.drawing.addEventListener("pointerleave", () => this.read(null));
    this.drawing.addEventListener("blur", () => this.read(null));
    this.drawing.addEventListener("keydown", event => this.key(event));
  }

  take(curves, runs, names) {
    this.curves = curves.slice(0, most).map((curve, at) => ({
      ...curve,
      color: runs > 1 ? curve.run : at,
      name: runs > 1 ? names[curve.run] : curve.metric.name,
      points: [...curve.columns].sort(([one], [other]) => one - other)
        .map(([at, column]) => ({ x: curve.first + at * curve.width + (curve.width - 1) / 2, ...column })),
    }));
    const metric = this.curves[0].metric;
    this.title = runs > 1 ? metric.name : metric.panel;
    this.logarithmic = metric.logarithmic && this.curves.every(curve => curve.points.every(point => point.low > 0));
    this.changed = true;
  }

  draw() {
    if (!this.changed) {
      return;
    }
    this.changed = false;
    const metric = this.curves[0].metric;
    this.caption.replaceChildren(`${this.title[0].toUpperCase()}${this.title.slice(1)} `, element("span", "unit", metric.unit));
    const points = this.curves.flatMap(curve => curve.points);
    const extreme = (of, best) => points.reduce((found, point) => best(found, of(point)), of(points[0]));
    const x = axis(extreme(point => point.x, Math.min), extreme(point => point.x, Math.max), 4, false);
    const y = axis(extreme(point => point.low, Math.min), extreme(point => point.high, Math.max), 4, true, this.logarithmic);
    this.x = value => left + x.place(value) * (width - left - right);
    this.y = value => height - bottom - Math.max(0, Math.min(1, y.place(value))) * (height - top - bottom);
    const last = this.curves.map(curve => `${curve.name} ${number(curve.last)}`).join(", ");
    this.drawing.setAttribute("aria-label", `${this.title} over steps. Now: ${last}.`);
    this.drawing.replaceChildren(...this.grid(x, y), ...this.curves.flatMap(curve => this.lines(curve)), this.cursor = svg("g"));
    this.legend.replaceChildren(...this.curves.map(curve => {
      const place = element("span");
      place.append(element("i", `swatch s${curve.color}`), `${curve.name} `, element("b", "", number(curve.last)));
      return place;
    }));
    replaceText(this.meaning, [...new Set(this.curves.map(curve => curve.metric.meaning))].join(" "));
    this.read(this.at ?? null);
  }

  grid(x, y) {
    const anchor = place => place > width - right - 14 ? "end" : "middle";
    return [
      ...y.ticks.flatMap(tick => [
        svg("path", { class: "grid", d: `M${left} ${this.y(tick).toFixed(1)}H${width - right}` }),
        svg("text", { class: "tick", x: left - 6, y: (this.y(tick) + 4).toFixed(1), "text-anchor": "end" }, number(tick))]),
      ...x.ticks.map(tick => svg("text", { class: "tick", x: this.x(tick).toFixed(1), y: height - 6, "text-anchor": anchor(this.x(tick)) }, number(tick))),
    ];
  }

  lines(curve) {
    const place = (x, y) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`;
    if (curve.points.length === 1) {
      const [point] = curve.points;
      return [svg("circle", { class: `dot s${curve.color}`, cx: this.x(point.x).toFixed(1), cy: this.y(point.mean).toFixed(1), r: 3 })];
    }
    const mean = curve.points.map(point => place(point.x, point.mean)).join("L");
    const line = svg("path", { class: `line s${curve.color}`, d: `M${mean}` });
    if (curve.width === 1) {
      return [line];
    }
    const edge = [...curve.points.map(point => place(point.x, point.high)), ...curve.points.toReversed().map(point => place(point.x, point.low))];
    return [svg("path", { class: `band s${curve.color}`, d: `M${edge.join("L")}Z` }), line];
  }

  point(event) {
    const box = this.drawing.getBoundingClientRect();
    this.read(this.nearest((event.clientX - box.left) / box.width * width));
  }

  key(event) {
    const all = [...new Set(this.curves.flatMap(curve => curve.points.map(point => point.x)))].sort((one, other) => one - other);
    const at = this.at === undefined || this.at === null ? all.length - 1 : all.indexOf(this.at);
    const moved = { ArrowLeft: Math.max(0, at - 1), ArrowRight: Math.min(all.length - 1, at + 1), Home: 0, End: all.length - 1 }[event.key];
    if (moved !== undefined) {
      event.preventDefault();
      this.read(all[moved]);
    }
  }

  nearest(x) {
    const points = this.curves.flatMap(curve => curve.points);
    return points.reduce((best, point) => Math.abs(this.x(point.x) - x) < Math.abs(this.x(best) - x) ? point.x : best, points[0].x);
  }

  read(step) {
    this.at = step;
    if (step === null || !this.cursor) {
      this.cursor?.replaceChildren();
      replaceText(this.reading, " ");
      return;
    }
    this.cursor.replaceChildren(svg("path", { class: "cursor", d: `M${this.x(step).toFixed(1)} ${top}V${height - bottom}` }));
    const values = this.curves.map(curve => {
      const point = curve.points.reduce((best, one) => Math.abs(one.x - step) < Math.abs(best.x - step) ? one : best);
      const range = point.low === point.high ? "" : ` (${number(point.low)} to ${number(point.high)})`;
      return `${this.curves.length > 1 ? `${curve.name} ` : ""}${number(point.mean)}${range}`;
    });
    replaceText(this.reading, `Step ${number(step)}: ${values.join(", ")}`);
  }
}

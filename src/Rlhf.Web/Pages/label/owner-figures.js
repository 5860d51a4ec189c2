// Plots of the owner's page, each with its numbers as a table below it.

import { element, percent, redraw, share, tableOf } from "./owner-tables.js";

const rowHeight = 26;
const letterWidth = 7.5; // About.
let width = 640; // Of what is drawn: that of its place, but no more than this.
let labelWidth = 170;

/** How wide plots are where they are to be drawn. */
export const widthOf = place => Math.max(280, Math.min(640, place.clientWidth));

export function showFigures(place, { by_day: days, by_pair: pairs, by_labeler: times, by_position: positions }) {
  width = widthOf(place);
  labelWidth = width < 500 ? 112 : 170;
  redraw(place, [
    ...(days.length > 0 ? figure("Tasks a day (pale: skipped)", dayBars(days), ["day (UTC)", "done", "skipped"], days.map(day => [day.day, day.done, day.skipped])) : []),
    ...(pairs.length > 0 ? figure("Agreement by pair of labelers (the line: chance)", pairBars(pairs), ["labelers", "agreement"],
      pairs.map(pair => [`${pair.first}, ${pair.second}`, share(pair.agreement)])) : []),
    ...(times.length > 0 ? figure("Seconds for a task, by labeler (10, 25, 50, 75, 90 %)", timeBoxes(times), ["labeler", ...[0.1, 0.25, 0.5, 0.75, 0.9].map(percent)],
      times.map(time => [time.labeler, ...time.quantiles.map(seconds => seconds.toFixed(0))])) : []),
    ...positions.flatMap(one => figure(`Ranks by the place on the page, ${one.answers} answers (the rows would be alike without a bias)`, rankCells(one),
      ["place on the page", ...one.ranks.map((_, rank) => `rank ${rank + 1}`)], one.ranks.map((row, shown) => [String(shown + 1), ...row]))),
  ]);
}

function figure(title, drawing, heads, rows) {
  const box = document.createElement("figure");
  const numbers = document.createElement("details");
  numbers.append(element("summary", "The numbers"), tableOf(heads, rows));
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.tabIndex = 0;
  wide.setAttribute("role", "group");
  wide.setAttribute("aria-label", title);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", `${title}; the numbers are below`);
  wide.append(drawing);
  box.append(element("figcaption", title), wide, numbers);
  return [box];
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, String(value));
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

const sheet = height => svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", width, height });

function short(name, most = labelWidth / letterWidth) {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

function dayBars(days) {
  const drawing = sheet(180), most = Math.max(1, ...days.map(day => day.done + day.skipped)), step = (width - 40) / Math.max(days.length, 7);
  days.forEach((day, index) => {
    const x = 40 + index * step, height = count => (130 * count) / most;
    drawing.append(svg("rect", { class: "bar", x, y: 150 - height(day.done), width: step * 0.8, height: height(day.done) }));
    drawing.append(svg("rect", { class: "bar weak", x, y: 150 - height(day.done + day.skipped), width: step * 0.8, height: height(day.skipped) }));
  });
  drawing.append(svg("line", { class: "axis", x1: 40, x2: width, y1: 150, y2: 150 }), svg("text", { x: 34, y: 28, "text-anchor": "end" }, most), svg("text", { x: 34, y: 152, "text-anchor": "end" }, 0));
  drawing.append(svg("text", { x: 40, y: 170 }, days[0].day));
  if (days.length > 3) {
    drawing.append(svg("text", { x: 40 + (days.length - 0.2) * step, y: 170, "text-anchor": "end" }, days.at(-1).day));
  }
  return drawing;
}

/** Rows with a name each; draw adds what stands beside it. */
function rows(names, draw) {
  const drawing = sheet(names.length * rowHeight + 24);
  names.forEach((name, index) => {
    const y = index * rowHeight + rowHeight / 2;
    drawing.append(svg("text", { x: labelWidth - 8, y: y + 4, "text-anchor": "end" }, name));
    draw(drawing, index, y);
  });
  return drawing;
}

function pairBars(pairs) {
  const at = value => labelWidth + (width - labelWidth - 60) * value;
  const drawing = rows(pairs.map(pair => `${short(pair.first, labelWidth / letterWidth / 2)}, ${short(pair.second, labelWidth / letterWidth / 2)}`), (place, index, y) => {
    const { value, low, high } = pairs[index].agreement;
    place.append(
      svg("rect", { class: "bar", x: at(0), y: y - 7, width: at(value) - at(0), height: 14 }),
      svg("line", { class: "range", x1: at(low), x2: at(high), y1: y, y2: y }),
      svg("text", { x: at(1) + 8, y: y + 4 }, percent(value)));
  });
  drawing.append(svg("line", { class: "axis", x1: at(0.5), x2: at(0.5), y1: 0, y2: pairs.length * rowHeight }));
  return drawing;
}

function timeBoxes(times) {
  const most = Math.max(1, ...times.map(time => time.quantiles.at(-1)));
  const at = seconds => labelWidth + ((width - labelWidth - 60) * seconds) / most;
  const drawing = rows(times.map(time => short(time.labeler)), (place, index, y) => {
    const [least, low, half, high, longest] = times[index].quantiles;
    place.append(
      svg("line", { class: "range", x1: at(least), x2: at(longest), y1: y, y2: y }),
      svg("rect", { class: "bar", x: at(low), y: y - 7, width: Math.max(1, at(high) - at(low)), height: 14 }),
      svg("line", { class: "half", x1: at(half), x2: at(half), y1: y - 9, y2: y + 9 }));
  });
  const bottom = times.length * rowHeight + 16;
  drawing.append(svg("text", { x: labelWidth, y: bottom }, "0 s"), svg("text", { x: at(most), y: bottom, "text-anchor": "end" }, `${most.toFixed(0)} s`));
  return drawing;
}

function rankCells({ answers, ranks }) {
  const cell = Math.min(80, (width - labelWidth) / answers);
  const isNarrow = cell < 40; // Of many answers on a phone: numbers alone.
  const drawing = rows(ranks.map((_, shown) => `shown at ${shown + 1}`), (place, index, y) => {
    const all = Math.max(1, ranks[index].reduce((sum, count) => sum + count, 0));
    ranks[index].forEach((count, rank) => {
      const x = labelWidth + rank * cell;
      place.append(
        svg("rect", { class: "bar", x, y: y - 12, width: cell - 2, height: 24, "fill-opacity": (0.45 * count) / all }),
        svg("text", { x: x + cell / 2, y: y + 4, "text-anchor": "middle" }, isNarrow ? (100 * count / all).toFixed(0) : percent(count / all)));
    });
  });
  ranks.forEach((_, rank) => drawing.append(svg("text", { x: labelWidth + (rank + 0.5) * cell, y: answers * rowHeight + 16, "text-anchor": "middle" }, isNarrow ? rank + 1 : `rank ${rank + 1}`)));
  return drawing;
}

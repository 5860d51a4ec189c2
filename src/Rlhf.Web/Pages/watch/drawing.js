// Small parts that all others use: elements, numbers for people, axes with round ticks.

export function element(name, className = "", text = null) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }
  if (text !== null) {
    made.textContent = text;
  }
  return made;
}

export function svg(name, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  if (text !== null) {
    made.textContent = text;
  }
  return made;
}

/** Sets a text only where it changes, so that a selection or a screen reader is not disturbed. */
export function replaceText(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

/** About three figures: 1.77, 0.05, 12,345, 3.5 M, 1e-5. */
export function number(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0) {
    return String(value);
  }
  if (size < 1e-3 || size >= 1e12) {
    return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  }
  if (size >= 1e6) {
    return size >= 1e9 ? `${Number((value / 1e9).toPrecision(3))} G` : `${Number((value / 1e6).toPrecision(3))} M`;
  }
  return size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

/** A scale from low to high, widened to whole ticks where asked. */
export function axis(low, high, count, whole, logarithmic = false) {
  if (logarithmic) {
    return logarithmicAxis(low, high);
  }
  if (high - low <= 1e-12 * Math.max(1, Math.abs(low), Math.abs(high))) {
    const margin = low === 0 ? 1 : Math.abs(low) * 0.1;
    [low, high] = [low - (low === 0 ? 0 : margin), high + margin];
  }
  const least = (high - low) / count, power = 10 ** Math.floor(Math.log10(least)), factor = least / power;
  const distance = power * (factor <= 1.0000001 ? 1 : factor <= 2.0000001 ? 2 : factor <= 5.0000001 ? 5 : 10);
  const first = whole ? Math.floor(low / distance + 1e-9) : Math.ceil(low / distance - 1e-9);
  const last = whole ? Math.ceil(high / distance - 1e-9) : Math.floor(high / distance + 1e-9);
  const ticks = Array.from({ length: Math.max(0, Math.min(20, last - first + 1)) }, (_, i) => Number(((first + i) * distance).toPrecision(12)));
  if (whole) {
    [low, high] = [first * distance, last * distance];
  }
  return { ticks, place: value => (value - low) / (high - low) };
}

function logarithmicAxis(low, high) {
  const first = Math.floor(Math.log10(low) + 1e-9), last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const every = Math.max(1, Math.floor((last - first + 4) / 5));
  const ticks = [];
  for (let power = first; power <= last; power += every) {
    ticks.push(10 ** power);
  }
  return { ticks, place: value => (Math.log10(Math.max(value, Number.MIN_VALUE)) - first) / (last - first) };
}

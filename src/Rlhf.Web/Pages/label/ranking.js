// What a person has ranked so far, as a value: each function takes a state and gives the next one.
// places[a] is the place of answer a, 1 the best, 0 for none yet; answers of the same place are tied.

export const create = (count, places = Array(count).fill(0)) => ({ count, places, selected: 0, past: [], future: [] });

/** Answers by place, best first; those without a place are not in it. */
export function tiers(state) {
  const byPlace = new Map();
  state.places.forEach((place, answer) => {
    if (place > 0) {
      byPlace.set(place, [...(byPlace.get(place) ?? []), answer]);
    }
  });
  return [...byPlace.keys()].sort((a, b) => a - b).map(place => byPlace.get(place));
}

export const unplaced = state => [...state.places.keys()].filter(answer => state.places[answer] === 0);

export const isComplete = state => state.places.every(place => place > 0);

export const select = (state, answer) => ({ ...state, selected: answer });

export const selectNext = (state, step) => select(state, (state.selected + step + state.count) % state.count);

/** Gives an answer a place; one that is taken becomes a tie. The next answer without a place is selected. */
export function place(state, answer, number) {
  if (number < 1 || number > state.count) {
    return state;
  }
  const next = change(state, answer, state.places.map((old, other) => (other === answer ? number : old)));
  for (let step = 1; step < state.count; step++) {
    const other = (answer + step) % state.count;
    if (next.places[other] === 0) {
      return select(next, other);
    }
  }
  return next;
}

/** With two answers: one is better (0 or 1), or neither (null). */
export const vote = (state, better) => change(state, state.selected, better === null ? [1, 1] : better === 0 ? [1, 2] : [2, 1]);

/** The vote that stands: 0, 1, null for a tie; undefined while there is none. */
export const votedFor = state => (isComplete(state) ? (state.places[0] === state.places[1] ? null : state.places[0] < state.places[1] ? 0 : 1) : undefined);

/** Moves an answer one step up (-1) or down (+1): out of a tie, or past its neighbour. One without a place comes last. */
export function move(state, answer, step) {
  const list = tiers(state);
  const at = list.findIndex(tier => tier.includes(answer));
  if (at < 0) {
    return fromTiers(state, answer, [...list, [answer]]);
  }
  if (list[at].length > 1) {
    return drop(state, answer, { gap: step < 0 ? at : at + 1 });
  }
  const to = at + step;
  return to < 0 || to >= list.length ? select(state, answer) : drop(state, answer, { gap: step < 0 ? to : to + 1 });
}

/** Ties an answer with the one before it; one without a place with the last one. */
export function tie(state, answer) {
  const list = tiers(state);
  const at = list.findIndex(tier => tier.includes(answer));
  if (list.length === 0 || at === 0) {
    return at === 0 ? select(state, answer) : fromTiers(state, answer, [[answer]]);
  }
  return drop(state, answer, { tier: at < 0 ? list.length - 1 : at - 1 });
}

/** Puts an answer where it was dropped: { tier: n } ties it, { gap: n } puts it before tier n, { tray: true } takes its place away. */
export function drop(state, answer, target) {
  const list = tiers(state).map(tier => tier.filter(other => other !== answer));
  if (target.tray) {
    return fromTiers(state, answer, list);
  }
  if (target.gap !== undefined) {
    list.splice(target.gap, 0, [answer]);
  } else {
    list[target.tier].push(answer);
  }
  return fromTiers(state, answer, list);
}

/** Takes the last change back. */
export function undo(state) {
  const last = state.past.at(-1);
  return last ? { ...state, ...last, past: state.past.slice(0, -1), future: [snapshot(state), ...state.future] } : state;
}

/** Does again what was taken back last. */
export function redo(state) {
  const [next, ...future] = state.future;
  return next ? { ...state, ...next, past: [...state.past, snapshot(state)], future } : state;
}

const snapshot = ({ places, selected }) => ({ places, selected });

/** As the paper writes it: "D > C = A > B"; what has no place yet is not in it. */
export const notation = (state, nameOf) => tiers(state).map(tier => tier.map(nameOf).join(" = ")).join(" > ");

function fromTiers(state, answer, list) {
  const places = Array(state.count).fill(0);
  list.filter(tier => tier.length > 0).forEach((tier, index) => tier.forEach(other => { places[other] = index + 1; }));
  return change(state, answer, places);
}

// A step that changes nothing is none that undo would take back.
function change(state, answer, places) {
  const same = places.every((value, index) => value === state.places[index]);
  return same ? select(state, answer) : { ...state, places, selected: answer, past: [...state.past, snapshot(state)], future: [] };
}

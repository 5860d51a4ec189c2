// What a person has written so far, as a value: each function takes a state and gives the next one.

const oneStep = 1000; // Milliseconds: who types on does one step that undo takes back.
const kept = 300;

export const create = ({ text = "", verdict = null, useCase = null } = {}) => ({ text, verdict, useCase, past: [], future: [], typedAt: -Infinity });

/** Another text, typed at a time in milliseconds. */
export function type(state, text, at) {
  if (text === state.text) {
    return state;
  }
  const goesOn = state.past.length > 0 && at - state.typedAt < oneStep && Math.abs(text.length - state.text.length) <= 2;
  return { ...state, text, past: goesOn ? state.past : [...state.past.slice(-kept), snapshot(state)], future: [], typedAt: at };
}

/** Another verdict or use case, or a text that was not typed. */
export function change(state, part) {
  return Object.entries(part).every(([name, value]) => state[name] === value)
    ? state
    : { ...state, ...part, past: [...state.past.slice(-kept), snapshot(state)], future: [], typedAt: -Infinity };
}

export function undo(state) {
  const last = state.past.at(-1);
  return last ? { ...state, ...last, past: state.past.slice(0, -1), future: [snapshot(state), ...state.future], typedAt: -Infinity } : state;
}

export function redo(state) {
  const [next, ...future] = state.future;
  return next ? { ...state, ...next, past: [...state.past, snapshot(state)], future, typedAt: -Infinity } : state;
}

const snapshot = ({ text, verdict, useCase }) => ({ text, verdict, useCase });

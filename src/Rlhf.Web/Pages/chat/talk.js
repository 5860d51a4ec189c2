// What a conversation is: turns of the user, and of models, each with the answers of one or two models in every version that was made.
// The chat goes on with one of them: the better one, or else the first.

const columnOf = model => ({ model, versions: [], shown: -1 });

/** A turn of the assistant without answers yet. */
export const answersOf = models => ({ role: 'assistant', columns: models.map(columnOf), better: null });

/** Other models answer the turn: those that did before keep their answers. */
export function setModels(turn, models) {
  turn.columns = models.map((model, index) => (turn.columns[index]?.model === model ? turn.columns[index] : columnOf(model)));
}

export const shownOf = column => column.versions[column.shown];

/** The column with which the chat goes on. */
export const chosen = turn => (turn.better === 1 && turn.columns.length > 1 ? 1 : 0);

/** The messages of turns as the API takes them. */
export const messagesOf = (turns, system) => [
  ...(system ? [{ role: 'system', content: system }] : []),
  ...turns.map(turn => (turn.role === 'user'
    ? { role: 'user', content: turn.text }
    : { role: 'assistant', content: shownOf(turn.columns[chosen(turn)])?.text ?? '' })),
];

/** What is kept of a conversation. */
export const keptOf = (id, system, turns) => ({
  id,
  system,
  at: Date.now(),
  turns: turns.filter(turn => turn.role === 'user' || turn.columns.every(shownOf)).map(turn => (turn.role === 'user'
    ? { role: 'user', text: turn.text }
    : {
      role: 'assistant',
      better: turn.better,
      columns: turn.columns.map(({ model, versions, shown }) => ({ model, shown, versions: versions.map(({ text, thumb }) => ({ text, thumb })) })),
    })),
});

/** The answers of a turn as feedback names them, each text once, and the number of one of them. Nine at most: the last ones. */
export function opinionOf(turn, column) {
  const own = { model: column.model, ...shownOf(column) };
  const others = turn.columns.flatMap(({ model, versions }) => versions.map(version => ({ model, ...version })))
    .filter(other => other.text.trim() !== '' && other.text.trim() !== own.text.trim());
  const texts = new Map(others.slice(-8).map(other => [other.text.trim(), other]));
  const answers = [...texts.values(), own].map(({ text, model, thumb }) => ({ text, model, thumb: thumb ?? null }));
  return { answers, thumbed: answers.length - 1 };
}

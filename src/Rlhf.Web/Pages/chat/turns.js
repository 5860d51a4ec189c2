// A turn on the page: its texts, and what a person can do with them.
import { isRaw, showMarkdown } from './markdown.js';
import { chosen, shownOf } from './talk.js';
import { AnswerView, byId, element } from './view.js';

const views = new WeakMap(); // What a version of an answer looks like.

/** A button; a pressed one says so. */
export function button(text, label, act, pressed) {
  const made = element('button', '', text);
  made.type = 'button';
  if (label !== text) {
    made.setAttribute('aria-label', label);
    made.title = label;
  }
  if (pressed !== undefined) {
    made.setAttribute('aria-pressed', String(pressed));
  }
  made.addEventListener('click', () => act(made));
  return made;
}

/** Draws a turn: into its place where it has one, else at the end. */
export function drawTurn(turn, number, acts) {
  const item = element('li', `turn ${turn.role}`);
  if (turn.role === 'user') {
    item.append(element('h2', '', 'You'), textOf(turn.text), element('div', 'acts', undefined,
      copyButton(() => turn.text), button('Edit', 'Edit and send again', () => editTurn(item, turn, number, acts))));
  } else if (turn.columns.length === 1) {
    fillColumn(item, turn, turn.columns[0], acts, element('h2', '', turn.columns[0].model));
  } else {
    item.append(element('h2', 'unseen', 'Two models'), element('div', 'columns', undefined,
      ...turn.columns.map(column => fillColumn(element('div', 'column'), turn, column, acts, element('h3', '', column.model)))));
    const choice = element('div', 'better');
    choice.setAttribute('role', 'group');
    choice.setAttribute('aria-label', 'Which answer is better');
    item.append(choice);
    drawChoice(choice, turn, acts);
  }
  const places = byId('turns').querySelectorAll(':scope > .turn');
  if (places[number]) {
    item.classList.toggle('left-out', places[number].classList.contains('left-out'));
    places[number].replaceWith(item);
  } else {
    byId('turns').append(item);
  }
  byId('empty').hidden = true;
  return item;
}

function textOf(text) {
  const paragraph = element('p', 'text', text);
  paragraph.dir = 'auto';
  return paragraph;
}

/** The view of a version: where it was not streamed on this page it has no probabilities. */
export function viewOf(version) {
  if (!views.has(version)) {
    const paragraph = textOf(version.text);
    views.set(version, new AnswerView(paragraph));
    if (version.reason !== 'running') {
      views.get(version).finish();
    }
  }
  return views.get(version);
}

function fillColumn(into, turn, column, acts, title) {
  const version = shownOf(column);
  into.append(title);
  if (version === undefined) {
    return into;
  }
  into.append(viewOf(version).paragraph);
  if (version.reason === 'running') {
    return into;
  }
  const tools = element('div', 'acts', undefined, copyButton(() => version.text));
  const formatted = element('div', 'markdown');
  showMarkdown(formatted, version.text);
  // What Markdown leaves as it is stays with its probabilities.
  if (!isRaw() && formatted.classList.contains('formatted') && formatted.querySelector(':not(p, br)')) {
    into.classList.add('has-markdown');
    into.append(formatted);
    tools.append(button('Tokens', 'Show the tokens as they are', made => {
      made.setAttribute('aria-pressed', String(into.classList.toggle('as-tokens')));
    }, false));
  }
  if (column.versions.length > 1) {
    tools.append(...versionButtons(turn, column, acts));
  }
  if (acts.keepsFeedback() && version.text.trim() !== '') {
    for (const [thumb, text] of [['up', 'Good'], ['down', 'Bad']]) {
      const made = button(text, `${text} answer`, () => acts.thumb(turn, column, thumb), version.thumb === thumb);
      made.className = `thumb ${thumb}`;
      tools.append(made);
    }
  }
  into.append(tools);
  return into;
}

function versionButtons(turn, column, acts) {
  const step = by => acts.show(turn, column, column.shown + by);
  const made = [button('\u2039', 'Earlier answer', () => step(-1)), button('\u203a', 'Later answer', () => step(1))];
  made[0].disabled = column.shown === 0;
  made[1].disabled = column.shown === column.versions.length - 1;
  return [made[0], element('span', 'count', `${column.shown + 1} of ${column.versions.length}`), made[1]];
}

function drawChoice(choice, turn, acts) {
  const [left, right] = turn.columns.map(shownOf);
  if ([left, right].some(version => version === undefined || version.reason === 'running' || version.text.trim() === '')) {
    return;
  }
  const options = [[0, 'First is better'], ['tie', 'Tie'], [1, 'Second is better']];
  choice.append(...options.map(([better, text]) => button(text, text, () => acts.prefer(turn, better), turn.better === better)),
    element('span', '', `The chat goes on with the ${chosen(turn) === 1 ? 'second' : 'first'}.`));
}

function copyButton(text) {
  return button('Copy', 'Copy the text', async made => {
    try {
      await navigator.clipboard.writeText(text());
      made.textContent = 'Copied';
    } catch {
      made.textContent = 'Not allowed here';
    }
    byId('status').textContent = made.textContent;
    setTimeout(() => { made.textContent = 'Copy'; }, 1500);
  });
}

function editTurn(item, turn, number, acts) {
  const field = element('textarea', 'editor');
  field.value = turn.text;
  field.dir = 'auto';
  field.rows = Math.min(10, turn.text.split('\n').length + 1);
  field.setAttribute('aria-label', 'Your message');
  const leave = () => drawTurn(turn, number, acts).querySelector('.acts button:last-child').focus();
  const send = () => field.value.trim() !== '' && acts.resend(number, field.value);
  field.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      leave();
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  item.replaceChildren(element('h2', '', 'You'), field, element('div', 'acts', undefined,
    button('Send', 'Send in place of the old message', send), button('Cancel', 'Cancel', leave)));
  field.focus();
}

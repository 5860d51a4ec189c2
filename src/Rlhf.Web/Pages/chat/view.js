// The page's elements. Text of users and models gets into them by textContent alone.
import { percent, shown } from './stream.js';

export const byId = id => document.getElementById(id);

/** An element with a class, text and children. */
export function element(name, className, text, ...children) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  made.append(...children);
  return made;
}

/** Says what went wrong; an empty text takes it back. */
export function fail(text) {
  byId('error').textContent = text;
  byId('error').hidden = text === '';
}

/** Opens or closes one of the panels below the header. */
export function showPanel(name, isShown) {
  byId(name).hidden = !isShown;
  byId(`open-${name}`).setAttribute('aria-expanded', String(isShown));
}

/** Says which turns the model no longer sees: the oldest ones, once its context is full. */
export function showLeftOut(count) {
  const turns = [...document.querySelectorAll('#turns > .turn')];
  if (turns.filter(turn => turn.classList.contains('left-out')).length === count) {
    return;
  }
  byId('left-out')?.remove();
  turns.forEach((turn, index) => turn.classList.toggle('left-out', index < count));
  if (count > 0) {
    const note = element('li', 'note', 'The model no longer sees what is above: its context is full. A new chat or fewer Most tokens makes room.');
    note.id = 'left-out';
    turns[count - 1].after(note);
  }
}

/** A paragraph of tokens that the pointer and the arrow keys visit. */
export class AnswerView {
  #spans = new Map();
  #tokens = [];
  #current = -1;

  constructor(paragraph) {
    this.paragraph = paragraph;
    paragraph.classList.add('busy');
    paragraph.setAttribute('aria-busy', 'true');
    paragraph.addEventListener('pointerover', event => this.#show(this.#tokens.findIndex(token => token.span === event.target), false));
    paragraph.addEventListener('pointerleave', () => this.#hide());
    paragraph.addEventListener('blur', () => this.#hide());
    paragraph.addEventListener('keydown', event => this.#move(event));
  }

  append(pieces) {
    for (const { group, text } of pieces) {
      let span = this.#spans.get(group);
      if (!span) {
        span = element('span', `token ${shadeOf(group.tokens)}`);
        this.#spans.set(group, span);
        this.#tokens.push({ span, group });
        this.paragraph.append(span);
      }
      span.textContent += text;
    }
  }

  finish() {
    this.paragraph.classList.remove('busy');
    this.paragraph.removeAttribute('aria-busy');
    this.paragraph.tabIndex = 0;
    this.paragraph.setAttribute('role', 'group');
    this.paragraph.setAttribute('aria-label', `Answer: ${this.paragraph.textContent} (arrow keys go through its tokens)`);
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const target = event.key === 'Home' ? 0 : event.key === 'End' ? this.#tokens.length - 1 : step ? this.#current + step : null;
    if (event.key === 'Escape') {
      this.#hide();
    } else if (target !== null && this.#tokens.length > 0) {
      event.preventDefault();
      this.#show(Math.min(Math.max(target, 0), this.#tokens.length - 1), true);
    }
  }

  #show(index, isSpoken) {
    this.#hide();
    if (index < 0 || this.#tokens[index].group.tokens.length === 0) {
      return;
    }
    this.#current = index;
    const { span, group } = this.#tokens[index];
    span.classList.add('current');
    const box = byId('token');
    box.replaceChildren(...group.tokens.map(tableOf));
    box.hidden = false;
    place(box, span.getBoundingClientRect());
    if (isSpoken) {
      byId('status').textContent = group.tokens.map(token => `${token.token.trim() || 'white space'}: ${percent(token.logprob)}`).join(', ');
    }
  }

  #hide() {
    this.#tokens[this.#current]?.span.classList.remove('current');
    this.#current = -1;
    byId('token').hidden = true;
  }
}

function place(box, at) {
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(4, Math.min(at.left, innerWidth - width - 4))}px`;
  box.style.top = `${at.bottom + height + 6 < innerHeight ? at.bottom + 4 : Math.max(4, at.top - height - 4)}px`;
}

function tableOf(token) {
  const others = token.top_logprobs.some(other => other.token === token.token) ? token.top_logprobs : [...token.top_logprobs, token];
  const rows = others.map(other => element('tr', other.token === token.token ? 'chosen' : '', undefined,
    element('td', 'piece', shown(other.token)), element('td', '', percent(other.logprob))));
  return element('table', '', undefined, element('caption', 'unseen', 'Probabilities of the next token'), element('tbody', '', undefined, ...rows));
}

/** Four shades from improbable to probable; none for what was likely. */
function shadeOf(tokens) {
  const probability = Math.exp(Math.min(0, ...tokens.map(token => token.logprob)));
  return probability < 0.01 ? 'p1' : probability < 0.1 ? 'p2' : probability < 0.3 ? 'p3' : probability < 0.6 ? 'p4' : '';
}

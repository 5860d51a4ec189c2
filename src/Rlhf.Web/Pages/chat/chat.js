// The chat page: a conversation, and the requests that continue it.
import { ask } from './asking.js';
import { forget, keep } from './history.js';
import { isRaw, setRaw } from './markdown.js';
import { loadModels } from './models.js';
import { call, system } from './server.js';
import { listChats } from './shelf.js';
import { answersOf, keptOf, messagesOf, opinionOf, setModels, shownOf } from './talk.js';
import { button, drawTurn } from './turns.js';
import { byId, element, fail, showPanel } from './view.js';

const newId = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
let chat = newId();
let turns = [];
let running = null;
let keepsFeedback = false;
let finishedAt = 0;
let ended = 'stop'; // How the last answer ended.

function setRunning(controller) {
  running = controller;
  byId('send').hidden = controller !== null;
  byId('stop').hidden = controller === null;
  document.querySelectorAll('#model, #beside, .regenerate, .acts button').forEach(control => { control.disabled = controller !== null; });
}

/** Answers the last message; where it has answers, with new versions of them. */
async function answer() {
  fail('');
  const controller = new AbortController();
  const conversation = turns;
  const models = [byId('model').value, ...(byId('beside').value ? [byId('beside').value] : [])];
  if (turns.at(-1).role === 'user') {
    turns.push(answersOf(models));
  }
  const turn = turns.at(-1);
  setModels(turn, models);
  const versions = turn.columns.map(() => ({ text: '', reason: 'running', thumb: null }));
  turn.columns.forEach((column, index) => {
    column.versions.push(versions[index]);
    column.shown = column.versions.length - 1;
  });
  turn.better = null;
  document.querySelectorAll('.tools').forEach(tools => tools.remove());
  drawTurn(turn, turns.length - 1, acts);
  setRunning(controller);
  byId('status').textContent = 'The model is writing.';
  const messages = messagesOf(turns.slice(0, -1), system());
  await Promise.all(turn.columns.map((column, index) => ask(messages, column, versions[index], controller.signal)));
  setRunning(null);
  // A new chat may have begun meanwhile.
  if (conversation === turns) {
    finish(turn, versions);
  }
}

function finish(turn, versions) {
  const failed = versions.every(version => version.reason === 'failed' && version.text === '');
  if (failed) {
    turn.columns.forEach(column => {
      column.versions.pop();
      column.shown = column.versions.length - 1;
    });
  }
  if (turn.columns[0].versions.length === 0) {
    turns.pop();
    byId('turns').lastElementChild.remove();
  } else {
    drawTurn(turn, turns.length - 1, acts);
  }
  finishedAt = performance.now();
  byId('status').textContent = failed ? 'The request failed.' : `Answer: ${versions.map(version => version.text).join(' \u2013 ')}`;
  addTools(failed ? 'failed' : versions.map(version => version.reason).find(reason => reason !== 'stop') ?? 'stop');
  byId('turns').querySelector('.tools')?.scrollIntoView({ block: 'nearest' });
  remember();
}

function addTools(reason) {
  ended = reason;
  document.querySelectorAll('.tools').forEach(tools => tools.remove());
  const notes = { length: 'cut at the limit of tokens (see Settings); you can go on', stopped: 'stopped' };
  const again = button(reason === 'failed' ? 'Try again' : 'Regenerate', reason === 'failed' ? 'Try again' : 'Regenerate', () => {
    if (running === null) {
      answer();
      byId('message').focus();
    }
  });
  again.className = 'regenerate';
  byId('turns').lastElementChild?.append(element('div', 'tools', undefined, again, ...(notes[reason] ? [element('span', '', notes[reason])] : [])));
}

/** What a person does with turns. */
const acts = {
  keepsFeedback: () => keepsFeedback,

  show(turn, column, shown) {
    column.shown = Math.min(Math.max(shown, 0), column.versions.length - 1);
    turn.better = null;
    redraw(turn);
  },

  async thumb(turn, column, thumb) {
    const version = shownOf(column);
    const before = version.thumb;
    version.thumb = thumb;
    if (!await tell(turn, opinionOf(turn, column))) {
      version.thumb = before;
    }
    redraw(turn);
  },

  async prefer(turn, better) {
    const before = turn.better;
    turn.better = better;
    const answers = turn.columns.map(column => ({ text: shownOf(column).text, model: column.model }));
    if (keepsFeedback && answers[0].text.trim() !== answers[1].text.trim() && !await tell(turn, { answers, better })) {
      turn.better = before;
    }
    redraw(turn);
  },

  resend(number, text) {
    if (running !== null) {
      return;
    }
    turns.splice(number);
    drawAll();
    say(text);
  },
};

async function tell(turn, opinion) {
  try {
    const seconds = Math.max(0, (performance.now() - finishedAt) / 1000);
    await call('/v1/feedback', { messages: messagesOf(turns.slice(0, turns.indexOf(turn)), system()), seconds, ...opinion });
    fail('');
    byId('status').textContent = 'Kept.';
    return true;
  } catch (error) {
    fail(error.message);
    return false;
  }
}

function redraw(turn) {
  const number = turns.indexOf(turn);
  if (number < 0) {
    return;
  }
  const old = byId('turns').querySelectorAll(':scope > .turn')[number];
  const focused = [...old.querySelectorAll('button')].indexOf(document.activeElement);
  const tools = old.querySelector('.tools');
  const item = drawTurn(turn, number, acts);
  item.append(...(tools ? [tools] : []));
  item.querySelectorAll('button')[focused]?.focus();
  remember();
}

function drawAll() {
  byId('turns').replaceChildren();
  byId('empty').hidden = turns.length > 0;
  turns.forEach((turn, number) => drawTurn(turn, number, acts));
}

function remember() {
  if (byId('keep').checked && turns.length > 0) {
    keep(keptOf(chat, system(), turns));
    listChats(openChat);
  }
}

function openChat(kept) {
  startAnew();
  [chat, turns] = [kept.id, kept.turns];
  byId('system').value = kept.system ?? '';
  drawAll();
  if (turns.length > 0) {
    addTools(turns.at(-1).role === 'user' ? 'failed' : 'stop');
  }
  showPanel('chats', false);
}

function say(text) {
  if (running !== null || text.trim() === '') {
    return;
  }
  turns.push({ role: 'user', text });
  drawTurn(turns.at(-1), turns.length - 1, acts);
  answer();
}

function send() {
  const text = byId('message').value;
  if (running === null && text.trim() !== '') {
    byId('message').value = '';
    say(text);
  }
}

function startAnew() {
  running?.abort();
  [chat, turns] = [newId(), []];
  byId('turns').replaceChildren();
  byId('empty').hidden = false;
  fail('');
  byId('message').focus();
}

byId('composer').addEventListener('submit', event => {
  event.preventDefault();
  send();
});
byId('message').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    running?.abort();
  }
});
byId('stop').addEventListener('click', () => running?.abort());
byId('new').addEventListener('click', startAnew);
byId('key').addEventListener('change', begin);
byId('shade').addEventListener('change', () => byId('turns').classList.toggle('shaded', byId('shade').checked));
byId('raw').checked = isRaw();
byId('raw').addEventListener('change', () => {
  setRaw(byId('raw').checked);
  if (running === null && turns.length > 0) {
    drawAll();
    addTools(ended);
  }
});
for (const name of ['settings', 'chats']) {
  byId(`open-${name}`).addEventListener('click', () => showPanel(name, byId(name).hidden));
}
byId('forget').addEventListener('click', () => {
  forget();
  listChats(openChat);
});
async function begin() {
  keepsFeedback = await loadModels();
}

listChats(openChat);
begin();
byId('message').focus();

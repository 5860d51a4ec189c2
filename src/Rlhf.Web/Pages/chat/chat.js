// The chat page: a conversation, and the requests that continue it.
import { readEvents, TokenLayer } from './stream.js';
import { addTurn, AnswerView, byId, element, showLeftOut } from './view.js';

const numbers = ['temperature', 'top_p', 'top_k', 'min_p', 'max_tokens', 'seed'];
let messages = [];
let running = null;

const headers = () => ({ 'Content-Type': 'application/json', ...(byId('key').value ? { Authorization: `Bearer ${byId('key').value}` } : {}) });

function settings() {
  const given = numbers.filter(name => byId(name).value !== '').map(name => [name, byId(name).valueAsNumber]);
  return Object.fromEntries(given);
}

function fail(text) {
  byId('error').textContent = text;
  byId('error').hidden = text === '';
}

async function errorOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

async function loadModels() {
  try {
    const response = await fetch('/v1/models', { headers: headers() });
    if (!response.ok) {
      if (response.status === 401) {
        showSettings(true);
      }
      throw new Error(await errorOf(response));
    }
    const models = (await response.json()).data.filter(model => model.kind === 'language');
    byId('model').replaceChildren(...models.map(model => element('option', '', model.id)));
    fail(models.length > 0 ? '' : 'This server has no language model.');
  } catch (error) {
    fail(error.message);
  }
}

function showSettings(isShown) {
  byId('settings').hidden = !isShown;
  byId('open-settings').setAttribute('aria-expanded', String(isShown));
}

function setRunning(controller) {
  running = controller;
  byId('send').hidden = controller !== null;
  byId('stop').hidden = controller === null;
  byId('model').disabled = controller !== null;
  document.querySelectorAll('.regenerate').forEach(button => { button.disabled = controller !== null; });
}

async function request(signal) {
  const system = byId('system').value.trim();
  const body = {
    model: byId('model').value,
    messages: [...(system ? [{ role: 'system', content: system }] : []), ...messages],
    truncation: 'oldest_turns',
    stream: true,
    logprobs: true,
    top_logprobs: 5,
    ...settings(),
  };
  const response = await fetch('/v1/chat/completions', { method: 'POST', headers: headers(), body: JSON.stringify(body), signal });
  if (!response.ok) {
    throw new Error(await errorOf(response));
  }
  return response.body;
}

/** Streams an answer to the conversation; one that is stopped stays as far as it got. */
async function answer() {
  fail('');
  const controller = new AbortController();
  const conversation = messages;
  setRunning(controller);
  document.querySelectorAll('.tools').forEach(tools => tools.remove());
  const view = new AnswerView(addTurn('assistant', ''));
  const layer = new TokenLayer();
  let text = '';
  let reason = '';
  byId('status').textContent = 'The model is writing.';
  try {
    for await (const event of readEvents(await request(controller.signal))) {
      if (conversation === messages) {
        showLeftOut(event.left_out_messages ?? 0);
      }
      const choice = event.choices[0];
      const piece = choice.delta.content ?? '';
      text += piece;
      reason = choice.finish_reason ?? reason;
      view.append(layer.push(piece, choice.logprobs?.content ?? []));
      view.paragraph.scrollIntoView({ block: 'end' });
    }
  } catch (error) {
    reason = controller.signal.aborted ? 'stopped' : 'failed';
    if (!controller.signal.aborted) {
      fail(error.message);
    }
  }
  setRunning(null);
  // A new chat may have begun meanwhile.
  if (conversation === messages) {
    finish(view, text, reason);
  }
}

function finish(view, text, reason) {
  if (reason === 'failed' && text === '') {
    view.paragraph.closest('li').remove();
  } else {
    messages.push({ role: 'assistant', content: text });
    view.finish();
  }
  byId('status').textContent = reason === 'failed' ? 'The request failed.' : `Answer: ${text}`;
  const last = byId('turns').lastElementChild;
  if (last) {
    const again = element('button', 'regenerate', reason === 'failed' ? 'Try again' : 'Regenerate');
    again.type = 'button';
    again.addEventListener('click', regenerate);
    last.append(element('div', 'tools', undefined, again, ...({ length: [element('span', '', 'cut at the limit of tokens (see Settings); you can go on')], stopped: [element('span', '', 'stopped')] }[reason] ?? [])));
  }
}

function regenerate() {
  if (running !== null) {
    return;
  }
  if (messages.at(-1)?.role === 'assistant') {
    messages.pop();
    byId('turns').lastElementChild.remove();
  }
  answer();
  byId('message').focus();
}

function send() {
  const text = byId('message').value;
  if (running !== null || text.trim() === '') {
    return;
  }
  messages.push({ role: 'user', content: text });
  addTurn('user', text);
  byId('message').value = '';
  answer();
}

function startAnew() {
  running?.abort();
  messages = [];
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
byId('key').addEventListener('change', loadModels);
byId('shade').addEventListener('change', () => byId('turns').classList.toggle('shaded', byId('shade').checked));
byId('open-settings').addEventListener('click', () => {
  showSettings(byId('settings').hidden);
});
loadModels();
byId('message').focus();

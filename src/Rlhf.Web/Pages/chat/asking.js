// One model's answer, from the request to the last word.
import { call, settings } from './server.js';
import { readEvents, TokenLayer } from './stream.js';
import { viewOf } from './turns.js';
import { fail, showLeftOut } from './view.js';

/** Streams the answer of one model into a version; one that is stopped stays as far as it got. */
export async function ask(messages, column, version, signal) {
  const view = viewOf(version);
  const layer = new TokenLayer();
  const body = { model: column.model, messages, truncation: 'oldest_turns', stream: true, logprobs: true, top_logprobs: 5, ...settings() };
  try {
    for await (const event of readEvents((await call('/v1/chat/completions', body, signal)).body)) {
      if (view.paragraph.isConnected) {
        showLeftOut(event.left_out_messages ?? 0);
      }
      const choice = event.choices[0];
      const piece = choice.delta.content ?? '';
      version.text += piece;
      version.reason = choice.finish_reason ?? version.reason;
      view.append(layer.push(piece, choice.logprobs?.content ?? []));
      view.paragraph.scrollIntoView({ block: 'nearest' });
    }
    version.reason = version.reason === 'running' ? 'stop' : version.reason;
  } catch (error) {
    version.reason = signal.aborted ? 'stopped' : 'failed';
    if (!signal.aborted) {
      fail(error.message);
    }
  }
  view.finish();
}

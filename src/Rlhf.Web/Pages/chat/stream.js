// What the page does without a page: reading a stream of events, and laying tokens over the text they make up.

/** The JSON objects of a stream of server-sent events. Throws what the server reports as an error. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    const parts = (held + value).split('\n\n');
    held = parts.pop();
    for (const part of parts) {
      const data = part.slice('data: '.length);
      if (data === '[DONE]') {
        return;
      }
      const event = JSON.parse(data);
      if (event.error) {
        throw new Error(event.error.message);
      }
      yield event;
    }
  }
}

/**
 * Lays the tokens of an answer over its text. Text can come later than its tokens (it may be the beginning of a stop), and a character can
 * be several tokens: then the first of them to hold all of it has the character, with the others beside it.
 */
export class TokenLayer {
  #decoder = new TextDecoder();
  #waiting = [];
  #groups = [];
  #atStart = true;

  /** Takes a piece of text with its tokens, and returns what to append: text for a group of tokens, maybe one that has text already. */
  push(text, tokens) {
    for (const token of tokens) {
      let piece = this.#decoder.decode(Uint8Array.from(token.bytes ?? []), { stream: true });
      this.#waiting.push(token);
      if (piece.length === 0) {
        continue;
      }
      if (this.#atStart && piece.startsWith(' ')) {
        // The server leaves out the space that joins an answer to its prompt.
        piece = piece.slice(1);
      }
      this.#atStart = false;
      this.#groups.push({ tokens: this.#waiting, room: piece.length });
      this.#waiting = [];
    }
    return this.#spread(text);
  }

  #spread(text) {
    const appended = [];
    while (text.length > 0) {
      while (this.#groups.length > 1 && this.#groups[0].room === 0) {
        this.#groups.shift();
      }
      const group = this.#groups[0] ?? { tokens: [], room: Infinity };
      // Text beyond what the tokens explain stays with the last one.
      const count = this.#groups.length > 1 ? Math.min(group.room, text.length) : text.length;
      group.room = Math.max(0, group.room - count);
      appended.push({ group, text: text.slice(0, count) });
      text = text.slice(count);
    }
    return appended;
  }
}

/** A token's text for a person: white space as signs. */
export function shown(text) {
  return text.replaceAll('\n', '\u21b5').replaceAll('\t', '\u21e5').replaceAll(' ', '\u2423');
}

/** A probability as a person reads it. */
export function percent(logprob) {
  const value = 100 * Math.exp(logprob);
  return value >= 99.95 ? '100 %' : value >= 10 ? `${value.toFixed(1)} %` : value >= 0.01 ? `${value.toFixed(2)} %` : '< 0.01 %';
}

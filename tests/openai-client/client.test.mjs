// The official client against a running server: RLHF_TEST_URL names it, with the models tiny and rm, and KEY as its key.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

const key = process.env.RLHF_TEST_KEY;
const client = new OpenAI({ baseURL: process.env.RLHF_TEST_URL + '/v1', apiKey: key, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Name a fruit.' }];
const chat = more => client.chat.completions.create({ model: 'tiny', messages, max_tokens: 12, seed: 1, ...more });

test('models are listed and found', async () => {
  const names = [];
  for await (const model of client.models.list()) {
    names.push(model.id);
  }
  assert.deepEqual(names, ['tiny', 'other', 'rm']);
  assert.equal((await client.models.retrieve('tiny')).id, 'tiny');
});

test('an answer has text, a reason and numbers of tokens', async () => {
  const answer = await chat({ n: 2 });
  assert.equal(answer.choices.length, 2);
  assert.equal(typeof answer.choices[0].message.content, 'string');
  assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('a stream is the same answer in pieces', async () => {
  const whole = await chat();
  let text = '';
  let usage = null;
  for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(usage, whole.usage);
});

test('the helper that gathers a stream understands ours', async () => {
  const runner = client.chat.completions.stream({ model: 'tiny', messages, max_tokens: 12, seed: 1, logprobs: true, top_logprobs: 2 });
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.content, (await chat()).choices[0].message.content);
  assert.equal(final.choices[0].logprobs.content[0].top_logprobs.length, 2);
});

test('log-probabilities come with bytes', async () => {
  const answer = await chat({ logprobs: true, top_logprobs: 3 });
  const tokens = answer.choices[0].logprobs.content;
  assert.equal(new TextDecoder().decode(Uint8Array.from(tokens.flatMap(token => token.bytes))).trimStart(), answer.choices[0].message.content.trimStart());
  assert.ok(tokens.every(token => token.logprob <= 0 && token.top_logprobs.length === 3));
});

test('a stop ends the answer', async () => {
  const whole = (await chat()).choices[0].message.content;
  const stop = whole.slice(2, 4);
  const answer = await chat({ stop: [stop] });
  assert.equal(answer.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('texts are completed', async () => {
  const answer = await client.completions.create({ model: 'tiny', prompt: 'An apple', max_tokens: 5, seed: 2, logprobs: 2 });
  assert.equal(answer.object, 'text_completion');
  assert.equal(answer.choices[0].logprobs.tokens.length, answer.choices[0].logprobs.token_logprobs.length);
  let text = '';
  for await (const chunk of await client.completions.create({ model: 'tiny', prompt: 'An apple', max_tokens: 5, seed: 2, stream: true })) {
    text += chunk.choices[0].text;
  }
  assert.equal(text, answer.choices[0].text);
});

test('a text is scored without being continued', async () => {
  const { choices } = await client.completions.create({ model: 'tiny', prompt: ['An apple', 'A pear is green'], echo: true, max_tokens: 0, logprobs: 1 });
  assert.deepEqual(choices.map(choice => choice.text), ['An apple', 'A pear is green']);
  for (const { logprobs } of choices) {
    assert.equal(logprobs.token_logprobs[0], null);
    assert.ok(logprobs.token_logprobs.slice(1).every((value, index) => value <= Math.max(...Object.values(logprobs.top_logprobs[index + 1]))));
    assert.equal(logprobs.tokens.length, logprobs.text_offset.length);
  }
});

test('json of a schema comes whole', async () => {
  const schema = { type: 'object', properties: { red: { type: 'boolean' }, size: { enum: [1, 2] } }, required: ['red', 'size'], additionalProperties: false };
  const answer = await chat({ max_tokens: 200, response_format: { type: 'json_schema', json_schema: { name: 'fruit', strict: true, schema } } });
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).red, 'boolean');
  await assert.rejects(
    chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'string', pattern: 'a' } } } }),
    error => error instanceof OpenAI.BadRequestError && error.param === 'response_format' && error.message.includes('"pattern"'));
});

test('penalties and bias change the answer', async () => {
  const plain = (await chat()).choices[0].message.content;
  assert.notEqual((await chat({ presence_penalty: 2, frequency_penalty: 2, logit_bias: { 40: -100 } })).choices[0].message.content, plain);
});

test('errors are the classes that the client has for them', async () => {
  await assert.rejects(chat({ model: 'nobody' }), error => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
  await assert.rejects(chat({ temperature: 9 }), error => error instanceof OpenAI.BadRequestError && error.param === 'temperature');
  await assert.rejects(chat({ max_tokens: 100000 }), error => error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded');
  await assert.rejects(chat({ tools: [{ type: 'function', function: { name: 'x' } }] }), OpenAI.BadRequestError);
  const stranger = new OpenAI({ baseURL: process.env.RLHF_TEST_URL + '/v1', apiKey: 'wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  await assert.rejects(client.embeddings.create({ model: 'tiny', input: 'x' }), OpenAI.NotFoundError);
});

test('a stream can be left', async () => {
  const stream = await chat({ stream: true, max_tokens: 400 });
  for await (const _ of stream) {
    break;
  }
  stream.controller.abort();
  assert.ok((await chat()).choices[0].message.content !== null);
});

test('a crowd is served, with retries where the queue is full', async () => {
  const patient = new OpenAI({ baseURL: process.env.RLHF_TEST_URL + '/v1', apiKey: key, maxRetries: 8 });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, seed) => patient.chat.completions.create({ model: 'tiny', messages, max_tokens: 20, seed })));
  assert.equal(new Set(answers.map(answer => answer.choices[0].message.content)).size > 20, true);
});

test('a reward model scores answers', async () => {
  const scores = await client.post('/score', { body: { model: 'rm', messages, answers: ['An apple.', 'A pear.'] } });
  assert.equal(scores.data.length, 2);
  assert.notEqual(scores.data[0].score, scores.data[1].score);
});

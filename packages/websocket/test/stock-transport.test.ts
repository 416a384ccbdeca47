import { TestChat } from '@chat-transport/contract';
import { lastAssistantMessageIsCompleteWithToolCalls, WebSocketChatTransport } from 'ai';
import { expect, onTestFinished, test } from 'vitest';
import { type ChatApp, serveChat } from './support/chat-app.ts';
import { until } from './support/until.ts';

type Options = Partial<ConstructorParameters<typeof WebSocketChatTransport>[0]>;

/** The AI SDK's transport and chat, unchanged. */
function stock(app: ChatApp, options: Options = {}, init: Partial<ConstructorParameters<typeof TestChat>[0]> = {}) {
  const transport = new WebSocketChatTransport({ url: app.socketUrl, ...options });
  onTestFinished(() => transport.close());
  const chat = new TestChat({ id: 'one', transport, ...init });
  return { transport, chat };
}

test('sends turn after turn over one socket', async () => {
  const app = await serveChat();
  const { chat } = stock(app);
  await chat.sendMessage({ text: 'Hi' });
  expect(chat.text).toBe('answer 1');
  await chat.sendMessage({ text: 'Again' });
  expect(chat.text).toBe('answer 2');
  expect(chat.error).toBeUndefined();
  expect(chat.status).toBe('ready');
  expect(app.realtime.connectionCount).toBe(1);
});

test('shows words as they come', async () => {
  const app = await serveChat();
  const { chat } = stock(app);
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ', { saw: () => [chat.text, chat.error?.message] });
  expect(chat.status).toBe('streaming');
  app.release();
  await sent;
  expect(chat.text).toBe('Hello wait answer 1');
});

test('a second device resumes in mid-answer with everything so far, under the same message id', async () => {
  const app = await serveChat();
  const first = stock(app);
  const sent = first.chat.sendMessage({ text: 'hold' });
  await until('the first words', () => first.chat.text === 'Hello wait ');
  const second = stock(app, {}, { messages: first.chat.messages.slice(0, 1) });
  const resumed = second.chat.resumeStream();
  await until('the first words on the second device', () => second.chat.text === 'Hello wait ', {
    saw: () => [second.chat.messages, second.chat.error?.message],
  });
  app.release();
  await Promise.all([sent, resumed]);
  expect(second.chat.text).toBe('Hello wait answer 1');
  expect(second.chat.messages.at(-1)?.id).toBe(first.chat.messages.at(-1)?.id);
  expect(app.calls).toHaveLength(1);
});

test('resuming a chat without a run finds nothing and is no error', async () => {
  const app = await serveChat();
  const { chat, transport } = stock(app);
  expect(await transport.reconnectToStream({ chatId: 'one' })).toBeNull();
  await chat.resumeStream();
  expect(chat.status).toBe('ready');
});

test('regenerates', async () => {
  const app = await serveChat();
  const { chat } = stock(app);
  await chat.sendMessage({ text: 'Hi' });
  const before = chat.messages.at(-1)?.id;
  await chat.regenerate();
  expect(chat.error).toBeUndefined();
  expect(chat.messages).toHaveLength(2);
  expect(chat.text).toBe('answer 1');
  expect(chat.messages.at(-1)?.id).not.toBe(before);
  expect(app.calls).toHaveLength(2);
});

test('stop ends the run on the server, and what had come is kept', async () => {
  const app = await serveChat();
  const { chat } = stock(app);
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ');
  await chat.stop();
  await sent;
  await until('the end of the model call', () => app.calls[0]?.aborted);
  await until('the end of the run', () => app.finished.length === 1, { saw: () => app.finished });
  expect(app.finished[0]).toEqual({ outcome: 'cancel', text: 'Hello wait ' });
  await chat.sendMessage({ text: 'Hi' });
  expect(chat.text).toBe('answer 2');
});

test('stop on the device that resumed ends the run too', async () => {
  const app = await serveChat();
  const first = stock(app);
  const sent = first.chat.sendMessage({ text: 'hold' });
  await until('the first words', () => first.chat.text === 'Hello wait ');
  const second = stock(app, {}, { messages: first.chat.messages.slice(0, 1) });
  void second.chat.resumeStream();
  await until('the first words on the second device', () => second.chat.text === 'Hello wait ');
  await second.chat.stop();
  await sent;
  await until('the end of the run', () => app.finished.length === 1);
  expect(app.finished[0]?.outcome).toBe('cancel');
  expect(first.chat.status).toBe('ready');
});

test('stop at the moment of sending ends the run, and the next message is answered at once', async () => {
  const app = await serveChat();
  const { chat } = stock(app);
  await chat.sendMessage({ text: 'Hi' });
  for (const expected of ['answer 3', 'answer 5']) {
    const sent = chat.sendMessage({ text: 'hold' });
    await until('a sent message', () => chat.status !== 'ready');
    await chat.stop();
    await sent;
    await chat.sendMessage({ text: 'Hi' });
    expect(chat.error).toBeUndefined();
    expect(chat.text).toBe(expected);
  }
});

test('a socket that closes leaves the run alone', async () => {
  const app = await serveChat();
  const { chat, transport } = stock(app);
  void chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ');
  transport.close();
  await until('no connection', () => app.realtime.connectionCount === 0);
  app.release();
  await until('the end of the run', () => app.finished.length === 1);
  expect(app.finished[0]).toEqual({ outcome: 'finish', text: 'Hello wait answer 1' });
});

test('a client tool’s output continues the message over the same socket', async () => {
  const app = await serveChat();
  const { chat } = stock(
    app,
    {},
    {
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        void chat.addToolOutput({ tool: 'clock', toolCallId: toolCall.toolCallId, output: 'noon' });
      },
    },
  );
  await chat.sendMessage({ text: 'tool' });
  await until('the continuation', () => chat.text === 'tool said noon' && chat.status === 'ready', {
    saw: () => [chat.messages, chat.error?.message],
  });
  expect(chat.messages).toHaveLength(2);
  expect(app.realtime.connectionCount).toBe(1);
});

test('two chats stream at the same time over one transport', async () => {
  const app = await serveChat();
  const { chat, transport } = stock(app);
  const other = new TestChat({ id: 'two', transport });
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ');
  await other.sendMessage({ text: 'Hi' });
  expect(other.text).toBe('answer 1');
  app.release();
  await sent;
  expect(chat.text).toBe('Hello wait answer 1');
});

test('passes authorize with the handshake and the frame’s headers, and shows its refusal', async () => {
  const app = await serveChat({ may: (request) => request.headers.get('authorization') === 'Bearer good' });
  const good = stock(app, { headers: { Authorization: 'Bearer good' } });
  await good.chat.sendMessage({ text: 'Hi' });
  expect(good.chat.text).toBe('answer 1');
  const bad = stock(app, { headers: { Authorization: 'Bearer bad' } }, { id: 'two' });
  await bad.chat.sendMessage({ text: 'Hi' });
  expect(bad.chat.status).toBe('error');
  expect(app.calls).toHaveLength(1);
  expect(app.authorized.at(-1)).toMatchObject({ chatId: 'two', action: 'send' });
});

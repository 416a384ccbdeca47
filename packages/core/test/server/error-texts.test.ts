import { expect, it } from 'vitest';
import { memoryLog } from '../../src/memory.ts';
import { createChatHandler } from '../../src/server.ts';

/** A sentence without the words of this project's code: no quoted names, no ids, no run. */
const sentences = /^[A-Z][^`_{}]*\.$/;

const send = (id: string, runId: string, text = 'hi'): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    id,
    runId,
    trigger: 'submit-message',
    messages: [{ id: runId, role: 'user', parts: [{ type: 'text', text }] }],
  }),
});

it('an error that a user meets in daily use is a sentence that the app can show', async () => {
  const log = memoryLog();
  const handler = createChatHandler({
    log,
    authorize: ({ chatId }) => chatId !== 'theirs',
    respond: () => new ReadableStream(),
  });
  const ask = async (path: string, init?: RequestInit): Promise<{ code: string; message: string }> => {
    const response = await handler(new Request(`http://localhost/api/chat${path}`, init));
    expect(response.ok).toBe(false);
    return ((await response.json()) as { error: { code: string; message: string } }).error;
  };
  const running = await handler(new Request('http://localhost/api/chat', send('mine', 'first')));
  const errors = [
    await ask('/theirs'),
    await ask('', send('theirs', 'r')),
    await ask('/theirs/command', send('theirs', 'r')),
    await ask('', send('mine', 'second')),
  ];
  expect(errors.map(({ code }) => code)).toEqual(['forbidden', 'forbidden', 'forbidden', 'busy']);
  for (const { message } of errors) expect(message).toMatch(sentences);
  await running.body?.cancel();
  await log.close();
});

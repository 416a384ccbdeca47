import { describe, expect, it } from 'vitest';
import { texts, until, World } from '../support/world.ts';

/** A chat with one question and its answer, and the bodies of the sends that follow. */
async function begun(options: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World(options);
  const device = world.device();
  const bodies: string[] = [];
  device.network.intercept = (request, forward) => {
    if (!request.url.endsWith('/api/chat')) return undefined;
    return request
      .clone()
      .text()
      .then((body) => {
        bodies.push(body);
        return forward();
      });
  };
  const chat = device.synced('c');
  void chat.sendMessage({ text: 'first question' });
  const call = await world.model.call();
  call.say('first answer');
  call.finish();
  await until(() => chat.status === 'ready' && texts(chat).length === 2);
  await until(() => device.transport.session('c').ledger.shown.place.kind === 'whole');
  bodies.length = 0;
  const next = async (index: number, say: string) => {
    const made = await world.model.call(index);
    made.say(say);
    made.finish();
    await until(
      () => chat.status === 'ready' && texts(chat).at(-1) === `assistant: ${say}`,
      () => [chat.status, texts(chat), String(chat.error), bodies],
    );
    return made.messages.map(({ parts }) => parts.flatMap((part) => ('text' in part ? [part.text] : [])).join());
  };
  return { world, chat, bodies, next };
}

describe('a send', () => {
  it('carries the new message alone, and the model gets all of the conversation', async () => {
    const { chat, bodies, next } = await begun();
    void chat.sendMessage({ text: 'second question' });
    expect(await next(1, 'second answer')).toEqual(['first question', 'first answer', 'second question']);
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).not.toContain('first');
  });

  it('of an edit or a regenerate carries no earlier message', async () => {
    const { chat, bodies, next } = await begun();
    void chat.sendMessage({ text: 'second question' });
    await next(1, 'second answer');
    void chat.regenerate();
    expect(await next(2, 'better answer')).toEqual(['first question', 'first answer', 'second question']);
    const messageId = chat.messages[2]?.id as string;
    void chat.sendMessage({ text: 'edited question', messageId });
    expect(await next(3, 'best answer')).toEqual(['first question', 'first answer', 'edited question']);
    expect(bodies).toHaveLength(3);
    for (const body of bodies) expect(body).not.toContain('first');
  });

  it('carries everything where the app has changed the conversation, so that the change reaches the model', async () => {
    const { chat, bodies, next } = await begun();
    chat.messages = chat.messages.map((message) =>
      message.role === 'user' ? { ...message, parts: [{ type: 'text' as const, text: 'changed question' }] } : message,
    );
    void chat.sendMessage({ text: 'second question' });
    expect((await next(1, 'second answer')).at(-1)).toBe('second question');
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toContain('changed question');
  });
});

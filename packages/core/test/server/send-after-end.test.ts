import { memoryLog } from '@chat-transport/core/memory';
import type { EndReason } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  createWorld,
  type HeldDeadline,
  heldDeadline,
  type ScriptedModel,
  stockChat,
  until,
  type World,
} from './support.ts';

/** How an answer ends. */
interface Way {
  readonly name: string;
  readonly reason: EndReason;
  /** Makes it end. */
  act(model: ScriptedModel, world: World, deadline: HeldDeadline): unknown;
}

const ways: readonly Way[] = [
  { name: 'finishes', reason: 'finish', act: (model) => model.close() },
  { name: 'fails as its stream breaks', reason: 'error', act: (model) => model.fail(new Error('the model is gone')) },
  {
    name: 'fails because the model says so',
    reason: 'error',
    act: (model) => model.push({ type: 'error', errorText: 'the model is gone' }),
  },
  {
    name: 'is stopped by the model',
    reason: 'cancel',
    act: (model) => {
      model.push({ type: 'abort' });
      model.close();
    },
  },
  {
    name: 'is stopped on another device',
    reason: 'cancel',
    act: (model, world) => world.command('c', { id: 's1', runId: model.input.runId, type: 'cancel' }),
  },
  { name: 'is cut at its deadline', reason: 'deadline', act: (_model, _world, deadline) => deadline.pass() },
];

describe('a send in the moment in which the chat shows that the answer is over', () => {
  describe.each(['reject', 'interrupt', 'queue'] as const)('with onBusy: %s', (onBusy) => {
    it.each(
      ways.flatMap((way) => [
        { ...way, by: 'the same process' },
        { ...way, by: 'another process' },
      ]),
    )('that $name is answered by $by', async ({ reason, act, by }) => {
      const log = memoryLog();
      const { begin } = log;
      let begins = 0;
      const second = new Promise<void>((resolve) => {
        log.begin = async (init) => {
          const begun = await begin(init);
          if (++begins === 2) resolve();
          return begun;
        };
      });
      const options = {
        log,
        onBusy,
        // An answer that failed is shown before it is saved, and the next question comes first.
        onFinish: ({ outcome }: { readonly outcome: string }) => (outcome === 'error' ? second : undefined),
      };
      const deadline = heldDeadline();
      const here = createWorld({ ...options, ...deadline.options });
      const there = by === 'the same process' ? here : createWorld(options);
      let server = here;
      const handler = Object.assign((request: Request) => server.handler(request), here.handler);
      const chat = stockChat({ ...here, handler }, 'c');
      const sent = chat.sendMessage({ text: 'hi' });
      const model = await here.model();
      model.text('part ');
      await until('the first word', () => chat.messages.length === 2);
      await act(model, here, deadline);
      await sent;
      server = there;
      const again = chat.sendMessage({ text: 'and now?' });
      const next = await there.model(there === here ? 2 : 1);
      next.text('whole');
      next.close();
      await again;
      expect([chat.status, chat.error]).toEqual(['ready', undefined]);
      expect((await there.state('c')).runs.map(({ end }: Answer) => end?.reason)).toEqual([reason, 'finish']);
    });
  });
});

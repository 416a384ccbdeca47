import type { UIMessage } from 'ai';
import { expect, it } from 'vitest';
import type { ChatSession } from '../../src/client/chat-session.ts';
import type { RunReader } from '../../src/client/run-reader.ts';
import { RunStops } from '../../src/client/run-stops.ts';

it.each([
  ['its own run', { runId: 'sent', newest: undefined, sent: 'sent', cancels: ['sent'] }],
  [
    'a run of the same device',
    { runId: 'joined', newest: { runId: 'joined', from: 'me' }, sent: 'sent', cancels: ['joined'] },
  ],
  [
    'a run of its later send',
    { runId: 'joined', newest: { runId: 'joined', from: 'me' }, sent: 'joined', cancels: [] },
  ],
  [
    'its own run, behind which another one was sent',
    { runId: 'sent', newest: undefined, sent: 'later', cancels: ['sent'] },
  ],
  ['a run of another device', { runId: 'joined', newest: { runId: 'joined', from: 'you' }, sent: 'sent', cancels: [] }],
  ['a run that the device knows nothing of', { runId: 'joined', newest: undefined, sent: 'sent', cancels: [] }],
])(
  'a message that was stopped on its way and begins as %s cancels only what is its own',
  (_, { runId, newest, sent, cancels }) => {
    const cancelled: string[] = [];
    const session = {
      context: { clientId: 'me' },
      ledger: { letGo: [{ runId: 'sent', kind: 'cancelled' }], server: { newest }, sent },
      dispatch() {},
      refresh() {},
      commands: {
        async cancel(id: string) {
          cancelled.push(id);
        },
      },
    };
    const stops = new RunStops(session as unknown as ChatSession<UIMessage>);
    expect(stops.confirm('sent', { runId } as RunReader)).toBe(true);
    expect(cancelled).toEqual(cancels);
  },
);

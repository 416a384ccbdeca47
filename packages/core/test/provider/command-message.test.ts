import { expect, it } from 'vitest';
import { commandAnswer } from '../../src/provider/command-message.ts';

it.each([
  ['a receipt', Response.json({ outcome: 'delivered' }), { receipt: { outcome: 'delivered' } }],
  [
    'an error of the route, and nothing else of its body',
    Response.json({ error: { code: 'busy', message: 'Wait.' }, state: { turn: 1 } }, { status: 409 }),
    { error: { code: 'busy', message: 'Wait.' } },
  ],
  [
    'the words in which an app refuses',
    new Response('Pay first.', { status: 402 }),
    { error: { code: 'provider-failed', message: 'Pay first.' } },
  ],
  [
    'the status of a refusal without words',
    new Response(null, { status: 403 }),
    { error: { code: 'forbidden', message: 'The chat server answered with status 403.' } },
  ],
])('answers a command with %s', async (_, response, answer) => {
  expect(await commandAnswer(response)).toEqual(answer);
});

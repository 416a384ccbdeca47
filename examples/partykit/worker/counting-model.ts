import type { RespondInput } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';

/** How far it counts when the question has no number. */
const defaultCount = 100;
/** The time between two numbers, in milliseconds. */
const paceMs = 50;

/** A model without a key: it counts to the number in the question. What is missing or doubled is seen at once. */
export async function* countingModel({ message, signal }: RespondInput): AsyncGenerator<UIMessageChunk> {
  const question = message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join(' ') ?? '';
  const count = Math.min(Number(/\d+/.exec(question)?.[0] ?? defaultCount), 10_000);
  yield { type: 'start' };
  yield { type: 'text-start', id: 'count' };
  for (let number = 1; number <= count && !signal.aborted; number += 1) {
    await new Promise((resolve) => setTimeout(resolve, paceMs));
    yield { type: 'text-delta', id: 'count', delta: `${number} ` };
  }
  yield { type: 'text-end', id: 'count' };
  yield { type: 'finish' };
}

import type { UIMessageChunk } from 'ai';
import type { Random } from './random.ts';

/** Something that a tool of the server does in a run. */
export interface Task {
  readonly name: string;
  /** `act` has an effect and may run once; `find` may run again. */
  readonly tool: 'act' | 'find';
}

/** A call that somebody has approved, or denied. */
export interface AnsweredCall {
  readonly toolCallId: string;
  readonly task: string;
  readonly approved: boolean;
}

/** What a model will say, and when. */
export interface Script {
  readonly chunks: readonly UIMessageChunk[];
  /** How long before each chunk, in milliseconds. */
  readonly gapsMs: readonly number[];
  /** How the stream goes on after its last chunk. */
  readonly end: 'close' | 'fail';
}

export interface ScriptInput {
  readonly random: Random;
  /** Marks everything that this answer says. */
  readonly nonce: string;
  readonly mayAsk: boolean;
  /** What the server's tools are still to do. */
  readonly tasks: readonly Task[];
  /** The tasks that need somebody's approval: the answer ends with their calls. */
  readonly payments?: readonly string[];
  /** The calls that somebody has answered: what becomes of them stands in front of the first step. */
  readonly answered?: readonly AnsweredCall[];
}

const wordsOf = (random: Random, count: number): string[] =>
  Array.from(
    { length: count },
    () => `${random.pick(['red', 'green', 'blue', 'ünïcode', '雨', 'long-word', '\n', 'a'])} `,
  );

/** The ids of a call that needs approval. */
export const callOf = (task: string): string => `${task}-call`;
export const approvalOf = (task: string): string => `${task}-approval`;

/** Writes one answer: reasoning, texts, data, sources, a server's tool, a client's tool. */
export function writeScript({ random, nonce, mayAsk, tasks, payments = [], answered = [] }: ScriptInput): Script {
  const chunks: UIMessageChunk[] = [{ type: 'start', messageMetadata: { nonce } }];
  for (const { toolCallId, task, approved } of answered)
    chunks.push(
      approved
        ? { type: 'tool-output-available', toolCallId, output: { name: task } }
        : { type: 'tool-output-denied', toolCallId },
    );
  // Half of the answers are longer than this, half are shorter.
  const wanted = random.chance(0.5) ? random.int(3, 100) : random.int(100, 170);
  const end = random.chance(0.06) ? 'fail' : 'close';
  let part = 0;
  let step = 0;
  const asks = mayAsk && random.chance(0.3) && payments.length === 0;
  const left = [...tasks];
  const working = random.fork('tasks');
  while (chunks.length < wanted || step === 0 || left.length > 0) {
    step++;
    chunks.push({ type: 'start-step' });
    const parts = random.int(1, 3);
    for (let count = 0; count < parts; count++) {
      const id = `p${part++}`;
      const kind = random.weighted({ text: 5, reasoning: 2, data: 1, source: 0.5, tool: 1, transient: 0.5 });
      const words = wordsOf(random, random.int(1, 40));
      if (kind === 'text' || kind === 'reasoning') {
        chunks.push({ type: `${kind}-start`, id });
        for (const delta of [`${nonce} `, ...words]) chunks.push({ type: `${kind}-delta`, id, delta });
        chunks.push({ type: `${kind}-end`, id });
      } else if (kind === 'data') {
        for (let value = 0; value < random.int(1, 3); value++)
          chunks.push({ type: 'data-progress', id, data: { nonce, value } });
      } else if (kind === 'transient') {
        chunks.push({ type: 'data-note', data: { nonce }, transient: true });
      } else if (kind === 'source') {
        chunks.push({ type: 'source-url', sourceId: id, url: `https://example.test/${id}`, title: nonce });
      } else {
        const toolCallId = `${nonce}-server-${id}`;
        chunks.push(...toolInput('look', toolCallId, { words: words.slice(0, 8) }, true));
        if (random.chance(0.8)) {
          chunks.push({ type: 'tool-output-available', toolCallId, output: { nonce }, providerExecuted: true });
        } else {
          chunks.push({ type: 'tool-output-error', toolCallId, errorText: nonce, providerExecuted: true });
        }
      }
    }
    const called = left.splice(0, left.length > 0 ? working.int(0, 2) : 0);
    for (const { name, tool } of called) chunks.push(...toolInput(tool, `${nonce}-${name}`, { task: name }, false));
    for (const { name } of working.chance(0.5) ? called : called.reverse())
      chunks.push({ type: 'tool-output-available', toolCallId: `${nonce}-${name}`, output: { name } });
    if (chunks.length >= wanted && left.length === 0 && asks)
      chunks.push(...toolInput('ask', `${nonce}-ask`, { question: nonce }, false));
    if (chunks.length >= wanted && left.length === 0)
      for (const task of payments)
        chunks.push(...toolInput('pay', callOf(task), { task }, false), {
          type: 'tool-approval-request',
          approvalId: approvalOf(task),
          toolCallId: callOf(task),
        });
    chunks.push({ type: 'finish-step' });
  }
  if (end === 'fail') chunks.length = random.int(1, chunks.length);
  else
    chunks.push({
      type: 'finish',
      finishReason: asks || payments.length > 0 ? 'tool-calls' : 'stop',
      messageMetadata: { done: true },
    });
  return { chunks, gapsMs: gaps(random, chunks.length), end };
}

function toolInput(toolName: string, toolCallId: string, input: unknown, isServers: boolean): UIMessageChunk[] {
  const more = isServers ? { providerExecuted: true } : {};
  const text = JSON.stringify(input);
  const deltas = text.match(/.{1,12}/gsu) ?? [];
  return [
    { type: 'tool-input-start', toolCallId, toolName, ...more },
    ...deltas.map((inputTextDelta) => ({ type: 'tool-input-delta' as const, toolCallId, inputTextDelta })),
    { type: 'tool-input-available', toolCallId, toolName, input, ...more },
  ];
}

/** Bursts, an even flow, and now and then a silence longer than heartbeats. */
function gaps(random: Random, count: number): number[] {
  const pace = random.pick([0, 5, 20, 60]);
  const silenceAt = random.chance(0.1) ? random.int(0, count - 1) : -1;
  return Array.from({ length: count }, (_, at) => {
    if (at === 0) return random.chance(0.5) ? 0 : random.between(0, 1500);
    if (at === silenceAt) return random.between(5000, 32_000);
    return random.chance(0.5) ? 0 : random.between(0, 2 * pace);
  });
}

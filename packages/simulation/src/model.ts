import type { RespondInput } from '@chat-transport/core/server';
import type { Experimental_Steering as Steering, UIMessageChunk, UserModelMessage } from 'ai';
import { writeScript } from './script.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

/** A failure that the simulation makes. */
export class ModelledFailure extends Error {}

/** A model that thinks: longer than any heartbeat, lease or patience of a client. */
const longSilenceMs = 30 * 60_000;

/** How `streamText` reads its steering object. It does not run on a virtual clock, so that the model here reads in its place. */
interface Steered {
  takeMessages(): UserModelMessage[];
  resolveTakenMessages(step: {
    readonly stepNumber: number;
    readonly sentMessages: readonly UserModelMessage[];
  }): { readonly id: string; readonly message: UserModelMessage }[];
  end(reason: 'finished' | 'aborted' | 'error'): void;
}

function startSteered(steering: Steering): Steered {
  const { [Symbol.for('vercel.ai.steering.start')]: start } = steering as unknown as Record<symbol, () => Steered>;
  if (!start) throw new Error('The AI SDK begins to read a steering object in another way now.');
  return start.call(steering);
}

/** The app's `respond`: a model that says its script, and takes what it is steered by in front of each step. */
export function answer(world: World, server: ServerProcess, input: RespondInput): ReadableStream<UIMessageChunk> {
  const { ledger, random, scheduler, settings, trace } = world;
  const { runId, signal } = input;
  if (ledger.scripts.has(runId)) ledger.violations.push(`The model was asked twice for run ${runId}.`);
  const nonce = `n${ledger.scripts.size + 1}`;
  const { end, ...script } = writeScript({
    random: random.fork(`script ${nonce}`),
    nonce,
    mayAsk: input.messages.at(-1)?.role === 'user',
  });
  const chunks = [...script.chunks];
  const gapsMs = [...script.gapsMs];
  const silence = random.fork(`silence ${nonce}`);
  if (settings.isSilent && silence.chance(0.5)) {
    ledger.silences++;
    ledger.silentUntil = scheduler.now + longSilenceMs;
    gapsMs[silence.int(0, gapsMs.length - 1)] = longSilenceMs;
  }
  ledger.scripts.set(runId, { chunks, gapsMs, end });
  trace.add(server.name, `model answers ${runId} as ${nonce}, ${chunks.length} chunks, ${end}`);
  // Some apps do not pass it on.
  const steered = random.fork(`steering ${nonce}`).chance(0.8) ? startSteered(input.steering) : undefined;
  const takeSteers = (at: number): void => {
    const sentMessages = steered?.takeMessages() ?? [];
    for (const { id, message } of steered?.resolveTakenMessages({ stepNumber: 0, sentMessages }).reverse() ?? []) {
      const parts = message.content as readonly { readonly type: 'text'; readonly text: string }[];
      ledger.steers.get(parts[0]?.text ?? '')?.takenBy.push(runId);
      chunks.splice(at, 0, { type: 'steering-message', id, parts: [...parts] });
      gapsMs.splice(at + 1, 0, 0);
    }
  };
  let over = false;
  let timer: unknown;
  const stop = (): void => {
    over = true;
    server.clock.clearTimeout(timer);
  };
  return new ReadableStream<UIMessageChunk>({
    start: (controller) => {
      let at = 0;
      const next = (): void => {
        while (!over) {
          if (chunks[at]?.type === 'start-step') takeSteers(at);
          if (at >= chunks.length) {
            over = true;
            steered?.end(end === 'close' ? 'finished' : 'error');
            if (end === 'close') controller.close();
            else controller.error(new ModelledFailure('The model failed.'));
            return;
          }
          controller.enqueue(chunks[at++] as UIMessageChunk);
          ledger.chunks++;
          const gap = gapsMs[at] ?? 0;
          if (gap > 0) {
            timer = server.clock.setTimeout(next, gap);
            return;
          }
        }
      };
      timer = server.clock.setTimeout(next, gapsMs[0] ?? 0);
      signal.addEventListener('abort', () => {
        if (over) return;
        stop();
        steered?.end('aborted');
        controller.error(signal.reason);
      });
    },
    cancel: stop,
  });
}

import type { RespondInput } from '@chat-transport/core/server';
import { isToolUIPart, type Experimental_Steering as Steering, type UIMessageChunk, type UserModelMessage } from 'ai';
import { type AnsweredCall, approvalOf, callOf, type Task, writeScript } from './script.ts';
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
  const { runId, signal, continuation: { attempt } = { attempt: 1 } } = input;
  const before = ledger.scripts.get(runId) ?? [];
  if (before.some((said) => said.attempt >= attempt))
    ledger.violations.push(`The model was asked twice for run ${runId}, attempt ${attempt}.`);
  // An answer that is gone on with may have others behind it.
  const asked = input.messages.find(({ id }) => id === input.messageId)?.parts.filter(isToolUIPart);
  if (attempt === 1 && asked?.some(({ state }) => state === 'approval-requested'))
    ledger.violations.push(`The model was asked for run ${runId} while an approval was open.`);
  if (attempt > 1) ledger.continued++;
  const nonce = `n${++ledger.asked}`;
  const asking = random.fork(`approvals ${nonce}`);
  const isQuestion = input.messages.at(-1)?.role === 'user';
  const payments = settings.asksApproval && isQuestion && asking.chance(0.6) ? asking.pick([1, 1, 2]) : 0;
  const answered = settings.asksApproval ? answeredCalls(input) : [];
  const { end, ...script } = writeScript({
    random: random.fork(`script ${nonce}`),
    nonce,
    mayAsk: isQuestion,
    payments: Array.from({ length: payments }, (_, at) => askedFor(world, runId, `${nonce}-pay${at + 1}`)),
    answered,
    tasks: settings.continuing ? tasksLeft(world, input) : [],
  });
  const chunks = [...script.chunks];
  const gapsMs = [...script.gapsMs];
  const silence = random.fork(`silence ${nonce}`);
  if (settings.isSilent && silence.chance(0.5)) {
    ledger.silences++;
    ledger.silentUntil = scheduler.now + longSilenceMs;
    gapsMs[silence.int(0, gapsMs.length - 1)] = longSilenceMs;
  }
  ledger.scripts.set(runId, [...before, { attempt, chunks, gapsMs, end }]);
  trace.add(server.name, `model answers ${runId} as ${nonce}, ${chunks.length} chunks, ${end}`);
  // Some apps do not pass it on.
  const steered = random.fork(`steering ${nonce}`).chance(0.8) ? startSteered(input.steering) : undefined;
  const takeSteers = (at: number): void => {
    const sentMessages = steered?.takeMessages() ?? [];
    for (const { id, message } of steered?.resolveTakenMessages({ stepNumber: 0, sentMessages }).reverse() ?? []) {
      const parts = message.content as readonly { readonly type: 'text'; readonly text: string }[];
      ledger.steers.get(parts[0]?.text ?? '')?.takenBy.push({ runId, attempt });
      chunks.splice(at, 0, { type: 'steering-message', id, parts: [...parts] });
      gapsMs.splice(at + 1, 0, 0);
    }
  };
  const working = new Map<string, Promise<void>>();
  const effects = random.fork(`effects ${nonce}`);
  // As `streamText` does: at once, beside the stream, behind the barrier.
  const work = async (toolCallId: string, task: string): Promise<void> => {
    await input.beforeTool(toolCallId);
    if (!server.alive) return new Promise<never>(() => {});
    perform(world, server, task);
    await server.clock.wait(effects.between(0, 2000));
  };
  for (const { toolCallId, task, approved } of answered) if (approved) working.set(toolCallId, work(toolCallId, task));
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
          const chunk = chunks[at] as UIMessageChunk;
          const output = chunk.type === 'tool-output-available' ? working.get(chunk.toolCallId) : undefined;
          if (output) {
            working.delete((chunk as { toolCallId: string }).toolCallId);
            return void output.then(next);
          }
          controller.enqueue(chunk);
          at++;
          ledger.chunks++;
          if (chunk.type === 'tool-input-available' && isTaskTool(chunk.toolName))
            working.set(chunk.toolCallId, work(chunk.toolCallId, taskOf(chunk.input)));
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

/** The tasks of a run that the model does not see as called. */
function tasksLeft({ random, ledger }: World, { runId, messages }: RespondInput): Task[] {
  const chance = random.fork(`tasks ${runId}`);
  const all = Array.from({ length: chance.pick([0, 1, 2, 3, 4]) }, (_, at): Task => {
    return { name: `${runId}-${at + 1}`, tool: chance.chance(0.7) ? 'act' : 'find' };
  });
  for (const { name, tool } of all)
    if (!ledger.tasks.has(name)) ledger.tasks.set(name, { runId, mayRepeat: tool === 'find', done: 0 });
  const called = messages.flatMap(({ parts }) => parts.filter(isToolUIPart).map(({ input }) => taskOf(input)));
  return all.filter(({ name }) => !called.includes(name));
}

/** Notes a call that will ask for approval. */
function askedFor({ ledger }: World, runId: string, task: string): string {
  ledger.tasks.set(task, { runId, mayRepeat: false, done: 0 });
  ledger.approvals.set(approvalOf(task), {
    ...{ toolCallId: callOf(task), task, answeredBy: new Set<string>(), isMarked: false },
  });
  return task;
}

/** The calls of the last message that somebody has answered, and that have not run. */
function answeredCalls({ messages }: RespondInput): AnsweredCall[] {
  return (messages.at(-1)?.parts ?? [])
    .filter(isToolUIPart)
    .flatMap((part) =>
      part.state === 'approval-responded'
        ? [{ toolCallId: part.toolCallId, task: taskOf(part.input), approved: part.approval.approved }]
        : [],
    );
}

/** Whether the server runs this tool of the stories, and counts what it does. */
export function isTaskTool(toolName: string): boolean {
  return toolName === 'act' || toolName === 'find';
}

/** What a call asks for. */
export function taskOf(input: unknown): string {
  return String((input as { readonly task?: unknown } | undefined)?.task);
}

/** A tool's effect, which nothing takes back. */
export function perform({ ledger, trace }: World, { name }: ServerProcess, task: string): void {
  const known = ledger.tasks.get(task);
  trace.add(name, `does ${task}`);
  const approval = ledger.approvals.get(approvalOf(task));
  if (approval && !approval.approved) ledger.violations.push(`A tool did ${task}, which nobody has approved.`);
  if (approval && !approval.isMarked)
    ledger.violations.push(`A tool did ${task} before the log had that its approved call runs.`);
  if (known) known.done++;
  else ledger.violations.push(`A tool did ${task}, which no model had asked for.`);
}

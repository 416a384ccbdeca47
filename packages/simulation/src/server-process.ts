import { ChatTransportError } from '@chat-transport/core';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { isToolUIPart, jsonSchema, tool, type UIMessage, type UIMessageChunk } from 'ai';
import { brief } from './brief.ts';
import type { Ledger } from './ledger.ts';
import { answer, ModelledFailure, perform } from './model.ts';
import type { MachineClock } from './scheduler.ts';
import { type Settings, userHeader, type World } from './world.ts';

const tracedEvents: ReadonlySet<string> = new Set([
  ...['run-started', 'run-ended', 'run-interrupted', 'run-continued'],
  ...['continuation-exhausted', 'tool-effect-unknown'],
]);

/** One server process: when it is killed, nothing that it had begun goes on. */
export class ServerProcess {
  readonly name: string;
  readonly clock: MachineClock;
  readonly handler: ChatHandler;
  alive = true;
  /** Cuts the connections that this process holds. */
  readonly connections: Set<() => void> = new Set();
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.clock = world.newClock(name);
    const { settings, ledger } = world;
    this.handler = createChatHandler({
      authorize: ({ request }) => {
        const userId = request.headers.get(userHeader) ?? '';
        return world.authorize(userId) && { userId };
      },
      log: this.#log(),
      clock: this.clock,
      onBusy: settings.onBusy,
      deadlineMs: settings.deadlineMs,
      ...(settings.continuing && this.#continuing(settings.continuing)),
      // Models of these stories may be silent for half an hour.
      idleMs: 3_600_000,
      ...(settings.usesRealtime && { realtime: world.service.server(this) }),
      respond: (input) => answer(world, this, input),
      onEvent: (event) => {
        if (tracedEvents.has(event.type) && 'runId' in event) {
          world.trace.add(this.name, `${event.type} ${event.runId}${'reason' in event ? ` ${event.reason}` : ''}`);
        } else if ('error' in event && !isModelled(event.error)) {
          ledger.violations.push(
            `${this.name}: ${event.type}: ${String((event.error as Error)?.stack ?? event.error)}`,
          );
        }
      },
      onFinish: ({ runId, turn, messages, outcome }) => {
        ledger.finished.set(runId, [...(ledger.finished.get(runId) ?? []), outcome]);
        world.trace.add(this.name, `onFinish ${runId} ${outcome}`);
        if (turn < ledger.historyTurn) return;
        ledger.historyTurn = turn;
        ledger.history = structuredClone(messages);
      },
      ...(settings.keepsHistory && { loadMessages: async () => structuredClone(ledger.history) }),
    });
  }

  /** Ends the process without a word. `hides`: its clients' connections stay open, and silent. */
  kill(hides: boolean): void {
    this.alive = false;
    this.clock.stop();
    this.#world.trace.add(this.name, `killed${hides ? ', connections half-open' : ''}`);
    if (!hides) for (const cut of [...this.connections]) cut();
  }

  /** What is promised to a killed process never comes; to a frozen one, when it works again. */
  async gate<T>(work: () => Promise<T>): Promise<T> {
    await this.#works();
    try {
      const value = await work();
      await this.#works();
      return value;
    } catch (error) {
      await this.#works();
      throw error;
    }
  }

  #works(): Promise<void> | undefined {
    return this.alive ? this.clock.thawed() : new Promise<never>(() => {});
  }

  /** Runs go on in another process, which has to be found, or is asked by a queue. */
  #continuing({ softDeadlineMs, hasQueue }: NonNullable<Settings['continuing']>) {
    const world = this.#world;
    const inputSchema = jsonSchema<{ task: string }>({ type: 'object' });
    const execute = async ({ task }: { task: string }) => {
      if (!this.alive) return new Promise<never>(() => {});
      perform(world, this, task);
      return { name: task };
    };
    const options: Partial<ChatHandlerOptions> = {
      onInterrupted: 'continue',
      toolBarrier: true,
      retryTools: ['find'],
      softDeadlineMs,
      tools: {
        ask: tool({ inputSchema }),
        look: tool({ inputSchema }),
        act: tool({ inputSchema, execute }),
        pay: tool({ inputSchema, execute }),
        find: tool({ inputSchema, execute }),
      },
    };
    return hasQueue
      ? { ...options, continueRun: (request: ContinueRequest) => enqueue(world, this, request) }
      : options;
  }

  /** The one log, as this process reaches it: a little away, and not always answering. */
  #log(): RunLog {
    const { log, ledger } = this.#world;
    const call =
      <A extends unknown[], R>(
        method: (...args: A) => Promise<R>,
        fails = true,
        after: (result: R, ...args: A) => void = () => {},
      ): ((...args: A) => Promise<R>) =>
      (...args) =>
        this.gate(async () => {
          const world = this.#world;
          if (world.chance(0.3)) await this.clock.wait(world.between(0, 5));
          if (!this.alive) return new Promise<never>(() => {});
          if (fails && world.strikes('log-failed')) {
            if (world.chance(0.4)) throw failure();
            const result = await method(...args);
            after(result, ...args);
            if (world.chance(0.7)) throw failure();
            // The request arrived twice: the second one is answered.
            return method(...args);
          }
          const result = await method(...args);
          after(result, ...args);
          return result;
        });
    return {
      name: log.name,
      begin: call(log.begin, true, (begun, init) => {
        const send = ledger.sends.get(init.messages.at(-1)?.id ?? '');
        if (begun.type === 'busy' && send) send.met = begun.active.runId;
        if (begun.type !== 'started' && begun.type !== 'cancelled') return;
        const { run } = begun;
        if (begun.type === 'started') ledger.attempts.set(begun.fence, 1);
        ledger.begun.set(run.turn, { run, messages: structuredClone(init.messages) });
        noteApprovals(ledger, init.messages);
        this.#world.trace.add(
          'log',
          `turn ${run.turn} ${begun.type}: ${run.runId}, ${run.start.trigger} from ${run.start.from} at ${init.baseTurn ?? 'any'} by ${this.name}, answers ${brief(init.messages)}`,
        );
      }),
      append: call(log.append, true, (news, { runId }, fence, frame) => {
        if (news.end || news.superseded) return;
        for (const chunk of frame.chunks) noteMark(ledger, chunk);
        const written = ledger.appended.get(runId) ?? new Map<number, string>();
        ledger.appended.set(runId, written.set(frame.at, fence));
      }),
      renew: call(log.renew),
      settle: call(log.settle),
      waitForCommand: call(log.waitForCommand),
      takeOver: call(log.takeOver, true, ({ type, run }, { runId }, { fence }) => {
        this.#world.trace.add('log', `take-over of ${runId} by ${this.name}: ${type}, attempt ${run.attempt}`);
        if (type === 'taken-over') ledger.attempts.set(fence, run.attempt);
      }),
      release: call(log.release),
      end: call(log.end),
      read: call(log.read),
      state: call(log.state),
      command: call(log.command, true, (receipt, key, { type, id }) =>
        this.#world.trace.add('log', `${type} ${id} of ${key.runId}: ${receipt.outcome} ${receipt.reason ?? ''}`),
      ),
      receipt: call(log.receipt),
      snapshot: call(log.snapshot),
      saveSnapshot: call(log.saveSnapshot),
      deleteChat: call(log.deleteChat, true, ({ turn }) => {
        this.#world.trace.add('log', `chat deleted at turn ${turn}`);
        ledger.deletedTurn = turn;
        ledger.history = [];
        ledger.historyTurn = turn;
      }),
      revoke: call(log.revoke),
      revocations: call(log.revocations),
      claim: call(log.claim),
      unfinished: call(log.unfinished),
      close: async () => {},
    };
  }
}

/** Notes what the log has as the answers to approvals. */
function noteApprovals({ approvals, violations }: Ledger, messages: readonly UIMessage[]): void {
  for (const part of messages.flatMap(({ parts }) => parts.filter(isToolUIPart))) {
    const approval = part.approval && approvals.get(part.approval.id);
    const approved = part.approval?.approved;
    if (!approval || approved === undefined) continue;
    if (approval.approved === !approved) violations.push(`The answer to ${part.approval?.id} has changed.`);
    if (approval.answeredBy.size === 0) violations.push(`Nobody has answered ${part.approval?.id}.`);
    approval.approved = approved;
  }
}

/** Notes that an approved call runs now. */
function noteMark({ approvals }: Ledger, chunk: UIMessageChunk): void {
  const approval = chunk.type === 'tool-approval-response' && approvals.get(chunk.approvalId);
  if (approval) approval.isMarked = true;
}

type ContinueRequest = Parameters<NonNullable<ChatHandlerOptions['continueRun']>>[0];

/** The app's queue: requests come late, twice or not at all. */
function enqueue(world: World, from: ServerProcess, request: ContinueRequest): void {
  if (world.strikes('message-dropped')) return;
  for (let copies = world.strikes('message-doubled') ? 2 : 1; copies > 0; copies--) {
    world.scheduler.after(world.latency(), () => {
      const worker = world.someServer() ?? from;
      void worker.gate(() => worker.handler.runtime.continueRun(request));
    });
  }
}

function failure(): ChatTransportError {
  return new ChatTransportError({
    code: 'provider-failed',
    message: 'The log did not answer.',
    cause: new ModelledFailure(),
    retryable: true,
  });
}

function isModelled(error: unknown): boolean {
  if (error instanceof ModelledFailure || (error as Error | undefined)?.name === 'AbortError') return true;
  return ChatTransportError.isInstance(error) && (error.cause instanceof ModelledFailure || error.code !== 'protocol');
}

import { generateId } from '@ai-sdk/provider-utils';
import type { FileUIPart, TextUIPart } from 'ai';
import type { CommandReceipt, RunCommand } from '../log/run-log.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { SessionContext } from './session-context.ts';

/** A client tool's call, taken for one device. */
interface Claim {
  readonly id: string;
  readonly type: 'claim';
  readonly toolCallId: string;
}

/** What commands need of their session. */
export interface CommandHost {
  readonly chatId: string;
  /** The realtime service that delivers the chat now. */
  readonly liveSubscriber: RealtimeSubscriber | undefined;
  /** The run that commands without a `runId` are for. */
  newestRun(): Promise<string | undefined>;
  /** Posts to one of the chat's own routes until there is a response. */
  ask<T>(path: string, body: object): Promise<T>;
  /** A command has its response: nothing waits for it any more. */
  look(): void;
}

/** The commands of this device to one chat, in the order in which the user gave them. */
export class RunCommands {
  readonly #host: CommandHost;
  readonly #context: SessionContext;
  /** The commands that have no response yet. */
  readonly #open = new Set<Promise<unknown>>();
  #lastSteer: Promise<unknown> = Promise.resolve();

  constructor(host: CommandHost, context: SessionContext) {
    this.#host = host;
    this.#context = context;
  }

  /** Resolves when every command that was given before has its response: a send waits for the cancel in front of it. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#open]);
  }

  /** Whether a command has no response yet. */
  get isBusy(): boolean {
    return this.#open.size > 0;
  }

  cancel(runId?: string): Promise<CommandReceipt> {
    return this.#track(this.#send(runId, { id: generateId(), type: 'cancel' }));
  }

  /** Resolves with the final outcome. The next steer leaves as soon as the server has this one. */
  async steer(runId: string | undefined, parts: readonly (TextUIPart | FileUIPart)[]): Promise<CommandReceipt> {
    const { sendMs } = this.#context.timings;
    const message = { id: generateId(), type: 'steer', parts } as const;
    const target = Promise.resolve(runId ?? this.#host.newestRun());
    // It may fail while an earlier steer is under way: that is thrown below, behind the earlier one.
    target.catch(() => {});
    const first = this.#lastSteer.then(async () => this.#send(await target, message));
    this.#lastSteer = first.catch(() => {});
    let receipt = await this.#track(first);
    while (receipt.outcome === 'accepted') receipt = await this.#send(await target, message, `?wait=${sendMs / 2}`);
    return receipt;
  }

  /** True when the call is this device's. */
  async claim(runId: string, toolCallId: string): Promise<boolean> {
    const { outcome } = await this.#send(runId, { id: this.#context.clientId, type: 'claim', toolCallId }, '?');
    return outcome === 'delivered';
  }

  #track<T>(command: Promise<T>): Promise<T> {
    this.#open.add(command);
    const forget = () => {
      this.#open.delete(command);
      this.#host.look();
    };
    command.then(forget, forget);
    return command;
  }

  async #send(runId: string | undefined, message: RunCommand | Claim, query = ''): Promise<CommandReceipt> {
    const { chatId } = this.#host;
    const { timings } = this.#context;
    const target = runId ?? (await this.#host.newestRun());
    if (!target) return { outcome: 'not-delivered', reason: 'ended' };
    try {
      const { liveSubscriber } = this.#host;
      if (!query && liveSubscriber?.send) {
        const timeout = AbortSignal.timeout(timings.firstByteMs);
        return await liveSubscriber.send(chatId, target, message as RunCommand, timeout);
      }
    } catch {
      // If the HTTP request below fails as well, its error gives the reason.
    }
    return this.#host.ask(`/command${query}`, { ...message, runId: target });
  }
}

import type { RunLog, RunRecord, WriterNews } from '@chat-transport/core/provider';
import type { EndReason } from '@chat-transport/core/server';
import type { UIMessage, UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import { Device, type DeviceOptions } from './device.ts';
import type { ProviderHarness, ServerOptions } from './provider-case.ts';
import { ScriptedModel } from './scripted-model.ts';
import type { LogHooks } from './severable-log.ts';
import { StageServer } from './stage-server.ts';
import type { TestChat } from './test-chat.ts';
import { until } from './wait.ts';

/** How often a silent stream says that it is alive in the suite, in milliseconds. */
const stageHeartbeatMs = 400;

/** What a case plays on: one log, one service, server processes, and devices, all with real sockets in between. */
export class Stage {
  readonly model: ScriptedModel = new ScriptedModel();
  readonly harness: ProviderHarness;
  /** What `onFinish` received, oldest first. */
  readonly finished: { runId: string; outcome: EndReason; messages: UIMessage[] }[] = [];
  /** The server process that devices reach. */
  server!: StageServer;
  /** Calls of the log that wait for something. */
  readonly held: {
    append?: Promise<void> | undefined;
    end?: Promise<void> | undefined;
    claim?: Promise<void> | undefined;
    takeOver?: Promise<void> | undefined;
  } = {};
  /** How often a run was to begin, and the log has answered. */
  begins = 0;
  readonly #log: RunLog;
  readonly #steers = new Map<string, string>();
  readonly #options: ServerOptions;
  readonly #servers: StageServer[] = [];
  readonly #devices: Device[] = [];

  private constructor(harness: ProviderHarness, log: RunLog, options: ServerOptions) {
    this.harness = harness;
    this.#log = log;
    this.#options = options;
  }

  /** How many steers have reached the server that writes the answer. */
  get steers(): number {
    return this.#steers.size;
  }

  /** Their texts, in the order in which they came there. */
  get steerTexts(): string[] {
    return [...this.#steers.values()];
  }

  static async start(harness: ProviderHarness, log: RunLog, options: ServerOptions = {}): Promise<Stage> {
    const stage = new Stage(harness, log, options);
    stage.server = await stage.startServer();
    return stage;
  }

  /**
   * Another server process on the same service, and the same log unless another one is given. Devices reach it once it
   * is `server`.
   */
  async startServer(options: ServerOptions = {}, log: RunLog = this.#log): Promise<StageServer> {
    const half = await this.harness.createServer();
    const hooks: LogHooks = {
      before: (call) => this.held[call as keyof Stage['held']],
      // A service's own sockets bring commands past the servers, and another process's signal takes its way: the
      // writer's news count.
      after: (call, _parameters, answer) => {
        if (call === 'begin') this.begins++;
        for (const { id, parts } of (answer as Partial<WriterNews> | undefined)?.commands ?? [])
          this.#steers.set(id, parts.map((part) => ('text' in part ? part.text : '')).join());
      },
    };
    const server = await StageServer.start(half, log, hooks, {
      authorize: () => true,
      respond: this.model.respond,
      onFinish: ({ runId, outcome, messages }) => {
        this.finished.push({ runId, outcome, messages: messages as UIMessage[] });
      },
      heartbeatMs: stageHeartbeatMs,
      ...this.#options,
      ...options,
    });
    this.#servers.push(server);
    return server;
  }

  async device(options: DeviceOptions = {}): Promise<Device> {
    const device = await Device.start(this.harness, () => this.server.port, options);
    this.#devices.push(device);
    return device;
  }

  /** One device with a chat that has sent `text`, and the model's call for it. */
  async sent(
    text = 'hi',
    options: DeviceOptions = {},
  ): Promise<{
    device: Device;
    chat: TestChat;
    call: Awaited<ReturnType<ScriptedModel['call']>>;
    done: Promise<void>;
  }> {
    const device = await this.device(options);
    const chat = device.chat('c');
    const calls = this.model.calls.length;
    const done = chat.sendMessage({ text });
    return { device, chat, done, call: await this.model.call(calls) };
  }

  /** Waits until the log has `words` of the chat's newest run: a reader that begins now gets them. */
  async logged(chatId: string, words: string): Promise<void> {
    const log = this.server.realtime.log ?? this.#log;
    await until(`a log that has "${words}"`, async () => {
      const run = (await log.state(chatId)).runs.at(-1);
      return run && JSON.stringify((await log.read(run, { from: 0 })).frames).includes(words);
    });
  }

  /** The chat's newest run, as the log knows it. */
  async newest(chatId: string): Promise<RunRecord | undefined> {
    return (await (this.server.realtime.log ?? this.#log).state(chatId)).runs.at(-1);
  }

  /** All chunks that the log has of the chat's newest run. */
  async chunks(chatId: string): Promise<UIMessageChunk[]> {
    const run = await this.newest(chatId);
    if (!run) return [];
    const { frames } = await (this.server.realtime.log ?? this.#log).read(run, { from: 0 });
    return frames.flatMap((frame) => [...frame.chunks]);
  }

  /** Waits until a chat shows `words` in its newest message. */
  async shows(chat: TestChat, words: string): Promise<void> {
    await until(
      `a chat that shows "${words}"`,
      () => chat.text.includes(words),
      () => chat.seen,
    );
  }

  /** The same, of an answer that is on its way here: the chat may show an older state before it streams. */
  async streams(chat: TestChat, words: string): Promise<void> {
    await this.shows(chat, words);
    await until(
      'a chat that streams',
      () => chat.status === 'streaming',
      () => chat.seen,
    );
  }

  /** Waits until all chats are idle. */
  async idle(...chats: TestChat[]): Promise<void> {
    await until(
      'idle chats',
      () => chats.every(({ isIdle }) => isIdle),
      () => chats.map(({ seen }) => seen),
    );
  }

  /** Waits for the `onFinish` of the run with this number, from 0. */
  async finish(index = 0): Promise<{ runId: string; outcome: EndReason; messages: UIMessage[] }> {
    await until(
      'onFinish',
      () => this.finished.length > index,
      () => this.finished.map(({ outcome }) => outcome),
    );
    return this.finished[index] as { runId: string; outcome: EndReason; messages: UIMessage[] };
  }

  /**
   * All chats show the same conversation; each answer in it was generated once, and nothing was generated beside them.
   */
  expectInStep(...chats: TestChat[]): void {
    const [first] = chats;
    for (const chat of chats) {
      expect(chat.texts).toEqual(first?.texts);
      expect(chat.nonces).toEqual(first?.nonces);
    }
    expect(first?.nonces).toEqual(this.model.calls.map(({ nonce }) => nonce));
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.dispose()));
    for (const call of this.model.calls) call.close();
    await Promise.all(this.#servers.map((server) => server.close()));
    await this.harness.dispose?.();
  }
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@chat-transport/local-services';
import { Miniflare } from 'miniflare';
import type { ChatServerOptions } from '../../src/server.ts';
import type { Command } from '../worker/scripted-model.ts';
import { bundles } from './bundle-workers.ts';
import { secret } from './secret.ts';

export { secret } from './secret.ts';

/** What the Worker under test has seen, since it was started. */
export interface Seen {
  readonly starts: number;
  /** Rows of all objects. */
  readonly rows: { readonly written: number; readonly read: number };
  readonly requests: readonly string[];
  readonly finished: readonly string[];
}

/** A real workerd with the Worker of `test/worker`, on storage that outlasts it. */
export class Workerd {
  readonly #folder: string;
  readonly #bindings: object;
  #miniflare!: Miniflare;
  #port = 0;

  private constructor(folder: string, bindings: object) {
    this.#folder = folder;
    this.#bindings = bindings;
  }

  /** With `answers`, the object makes the answers itself. */
  static async start({
    answers = false,
    ...options
  }: Partial<ChatServerOptions> & { answers?: boolean } = {}): Promise<Workerd> {
    const folder = await mkdtemp(join(tmpdir(), 'partykit-'));
    const workerd = new Workerd(folder, { SECRET: secret, ANSWERS: answers, OPTIONS: options });
    workerd.#port = await freePort();
    await workerd.#start();
    return workerd;
  }

  get port(): number {
    return this.#port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.origin}/api/chat`;
  }

  /** Kills the process (Miniflare's `dispose` is SIGKILL) and starts it again on its storage, at the same address. */
  async restart(): Promise<void> {
    await this.#miniflare.dispose();
    await this.#start();
  }

  async seen(advanceMs = 0): Promise<Seen> {
    return (await (await fetch(`${this.origin}/seen?advance=${advanceMs}`)).json()) as Seen;
  }

  /** Tells the model of a chat's object what to say, and answers how it is. */
  async model(chatId: string, command?: Command): Promise<{ calls: number; aborted: boolean }> {
    const init = command && { method: 'POST', body: JSON.stringify(command) };
    return (await (await fetch(`${this.origin}/model?chat=${chatId}`, init)).json()) as {
      calls: number;
      aborted: boolean;
    };
  }

  /** How many rows each of the log's tables has. */
  async rows(chatId: string): Promise<Record<string, number>> {
    return (await (await fetch(`${this.origin}/rows?chat=${chatId}`)).json()) as Record<string, number>;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#miniflare = new Miniflare({
      modules: true,
      scriptPath: join(bundles, 'main.js'),
      compatibilityDate: '2026-07-28',
      compatibilityFlags: ['nodejs_compat'],
      durableObjects: { Chat: { className: 'Chat', useSQLite: true } },
      durableObjectsPersist: this.#folder,
      bindings: this.#bindings as Record<string, string>,
      cf: false,
      host: '127.0.0.1',
      port: this.#port,
    });
    this.#port = Number((await this.#miniflare.ready).port);
  }
}

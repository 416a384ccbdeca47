import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { RawClient } from '../../test/support/raw-client.ts';
import type { Asked, Told } from './chat-process.ts';

/** A device of chat `c`, with the time at which each message came. */
export interface Device {
  readonly client: RawClient;
  readonly at: readonly number[];
}

/** One server process of several that share a log. */
export class ChatServer {
  readonly #child: ChildProcess;
  readonly #origin: string;

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child;
    this.#origin = origin;
  }

  /** Starts a process on the log at this address: it ends with the test. */
  static async start(address: string): Promise<ChatServer> {
    const file = fileURLToPath(new URL('chat-process.ts', import.meta.url));
    const child = fork(file, [address], { execArgv: ['--conditions=@chat-transport/source', '--no-warnings'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [{ port }] = (await once(child, 'message')) as [Told];
    return new ChatServer(child, `http://127.0.0.1:${port}/api/chat`);
  }

  /** Asks one thing at a time. */
  async ask(asked: Asked): Promise<Told> {
    const told = once(this.#child, 'message');
    this.#child.send(asked);
    const [answer] = (await told) as [Told];
    return answer;
  }

  post(path: string, body: object, user = 'ann'): Promise<Response> {
    const headers = { 'content-type': 'application/json', accept: 'application/json', 'x-user': user };
    return fetch(this.#origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Sends a message, which begins a run with this id. */
  async send(runId: string): Promise<void> {
    const messages = [{ id: `m-${runId}`, role: 'user', parts: [{ type: 'text', text: 'hi' }] }];
    expect((await this.post('', { id: 'c', runId, messages })).status).toBe(202);
  }

  /** A stream of the chat that stays open. */
  async stream(user: string): Promise<Response> {
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const headers = { 'x-user': user };
    return fetch(`${this.#origin}/c/stream?follow=0`, { headers, signal: controller.signal });
  }

  async token(user: string): Promise<string> {
    const { token } = (await (await this.post('/auth', { chatId: 'c' }, user)).json()) as { token: string };
    return token;
  }

  /** An open socket. */
  async socket(): Promise<Device> {
    const client = new RawClient(`${this.#origin.replace('http', 'ws')}/socket`);
    onTestFinished(() => client.socket.terminate());
    const at: number[] = [];
    client.socket.on('message', () => at.push(Date.now()));
    await client.opened();
    return { client, at };
  }

  /** An idle device of the chat. */
  async device(user = 'ann'): Promise<Device> {
    const device = await this.socket();
    expect(await device.client.subscribe('c', await this.token(user))).toMatchObject({ type: 'live' });
    return device;
  }
}

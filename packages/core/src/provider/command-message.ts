import { httpError } from '../client/http-error.ts';
import type { CommandReceipt, RunCommand } from '../log/run-log.ts';
import type { CommandAnswer } from './command-desk.ts';

/** A command as a device sends it over a socket. `ref` is the device's own number; the answer carries it. */
export interface CommandMessage {
  readonly type: 'command';
  readonly ref: number;
  readonly run: string;
  readonly message: RunCommand;
}

/** What a device is answered. */
export type ReceiptMessage = { readonly type: 'receipt'; readonly ref: number } & CommandAnswer;

/** What begins every message of a socket that is no published frame: a frame begins with `{"v"`. */
export const deviceMessageMark = '{"type"';

/** What the response of the command route says to a device over a socket: the same as over HTTP, also where an app refuses in its own words. */
export async function commandAnswer(response: Response): Promise<CommandAnswer> {
  if (response.ok) return { receipt: (await response.json()) as CommandReceipt };
  const { code, message } = await httpError(response);
  return { error: { code, message } };
}

import { isId, type RunCommand } from '@chat-transport/core/provider';
import type { ClientFrame } from '../socket-wire.ts';

/**
 * Whether `value` has a frame type of the socket's own wire. The AI SDK's frames have other types: `send`, `resume`,
 * `abort`.
 */
export function isOwnType(value: unknown): value is { readonly type: ClientFrame['type'] } {
  return isRecord(value) && ['subscribe', 'unsubscribe', 'command', 'ping'].includes(value.type as string);
}

/**
 * Checks an untrusted frame of the own wire. `undefined` when it is malformed. A signal's content is checked by core's
 * route.
 */
export function parseClientFrame(value: unknown): ClientFrame | undefined {
  if (!isOwnType(value)) return undefined;
  const frame = value as Record<string, unknown>;
  const { ref, chat, token, run, message } = frame;
  if (value.type === 'ping') return { type: 'ping' };
  if (!isId(chat)) return undefined;
  if (value.type === 'unsubscribe') return { type: 'unsubscribe', chat };
  if (!Number.isSafeInteger(ref)) return undefined;
  if (value.type === 'subscribe') {
    return typeof token === 'string' ? { type: 'subscribe', ref: ref as number, chat, token } : undefined;
  }
  if (!isId(run) || !isRecord(message)) return undefined;
  return { type: 'command', ref: ref as number, chat, run, message: message as unknown as RunCommand };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

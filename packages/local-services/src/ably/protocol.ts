/** What a protocol message is for. Numbers of Ably's realtime protocol. @source https://sdk.ably.com/builds/ably/specification/main/features/#TR2 */
export const actions = {
  heartbeat: 0,
  ack: 1,
  nack: 2,
  connected: 4,
  disconnected: 6,
  close: 7,
  closed: 8,
  error: 9,
  attach: 10,
  attached: 11,
  detach: 12,
  detached: 13,
  message: 15,
  auth: 17,
} as const;

/** Bits of `flags`. @source https://sdk.ably.com/builds/ably/specification/main/features/#TR3 */
export const flags = { hasBacklog: 0x2, resumed: 0x4, publish: 0x20000, subscribe: 0x40000 } as const;

/** What a message does to its `serial`. @source https://sdk.ably.com/builds/ably/specification/main/features/#TM5 */
export const messageActions = { create: 0, update: 1, delete: 2, append: 5 } as const;

/** One message of a channel, as it travels. */
export interface WireMessage {
  readonly id?: string;
  readonly name?: string;
  readonly data?: unknown;
  readonly encoding?: string;
  readonly extras?: unknown;
  readonly clientId?: string;
  readonly connectionId?: string;
  readonly action?: number;
  readonly serial?: string;
  readonly version?: { readonly serial?: string; readonly timestamp?: number };
  readonly timestamp?: number;
}

/** One message between a client and the service. */
export interface ProtocolMessage {
  readonly action: number;
  readonly channel?: string;
  readonly channelSerial?: string | null;
  readonly connectionId?: string;
  readonly connectionDetails?: object;
  readonly connectionKey?: string;
  readonly count?: number;
  readonly error?: ErrorInfo;
  readonly flags?: number;
  readonly id?: string;
  readonly messages?: readonly WireMessage[];
  readonly msgSerial?: number;
  readonly params?: Readonly<Record<string, string>>;
  readonly res?: readonly { readonly serials: readonly string[] }[];
  readonly timestamp?: number;
  readonly auth?: { readonly accessToken?: string };
}

/** An error as it travels. */
export interface ErrorInfo {
  readonly code: number;
  readonly statusCode: number;
  readonly message: string;
  readonly href: string;
}

/** What the service refuses, with Ably's code. @source https://ably.com/docs/platform/errors/codes (read 2026-11-29) */
export class Refusal extends Error {
  readonly info: ErrorInfo;

  constructor(code: number, statusCode: number, message: string) {
    super(message);
    this.info = { code, statusCode, message, href: `https://help.ably.io/error/${code}` };
  }
}

/** @throws Refusal 40010 for a name that Ably does not take. @source https://ably.com/docs/channels (read 2026-11-29) */
export function checkChannelName(name: unknown): string {
  if (typeof name === 'string' && /^[^[:\r\n][^\r\n]*$/.test(name)) return name;
  throw new Refusal(40010, 400, `Invalid channel name: ${JSON.stringify(name)}`);
}

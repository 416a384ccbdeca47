/** A message of a client, as Phoenix' serializer 2.0.0 reads it. */
export interface ClientMessage {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
  /** A broadcast that came as a binary frame. */
  readonly broadcast?: { readonly event: string; readonly isJson: boolean; readonly data: Buffer };
}

/** A broadcast on its way to clients. */
export interface UserBroadcast {
  readonly event: string;
  readonly isJson: boolean;
  readonly data: Buffer;
  /** `{"id":…}` for what came from the database. */
  readonly metadata?: string;
}

const clientBroadcastKind = 3;
const serverBroadcastKind = 4;

/** Reads a client's frame. @throws where Realtime would close the socket. */
export function decodeClientFrame(data: Buffer, isBinary: boolean): ClientMessage {
  if (!isBinary) {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data.toString());
    return { joinRef, ref, topic, event, payload };
  }
  const [kind, ...rest] = data.subarray(0, 7);
  if (kind !== clientBroadcastKind) throw new Error(`There is no client frame of kind ${kind}.`);
  const sizes = rest.slice(0, 5);
  let offset = 7;
  const [joinRef = '', ref = '', topic = '', event = ''] = sizes.map((size) => {
    const part = data.toString('utf8', offset, offset + size);
    offset += size;
    return part;
  });
  const broadcast = { event, isJson: rest[5] === 1, data: data.subarray(offset) };
  return { joinRef, ref, topic, event: 'broadcast', payload: undefined, broadcast };
}

/** A message as text. Keys stand in the order of the recorded server. */
export function textFrame(
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: object,
): string {
  return JSON.stringify([joinRef, ref, topic, event, payload]);
}

/** A broadcast as a binary frame. */
export function broadcastFrame(topic: string, { event, isJson, data, metadata = '' }: UserBroadcast): Buffer {
  const parts = [topic, event, metadata].map((part) => Buffer.from(part));
  const head = Buffer.from([serverBroadcastKind, ...parts.map((part) => part.length), isJson ? 1 : 0]);
  return Buffer.concat([head, ...parts, data]);
}

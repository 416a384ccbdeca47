import { decode, encode } from '@msgpack/msgpack';

/** What the client asked for with `format`, or by its `content-type`. */
export type Format = 'json' | 'msgpack';

export function encodeBody(format: Format, value: unknown): string | Uint8Array {
  return format === 'json' ? JSON.stringify(value) : encode(value, { ignoreUndefined: true });
}

export function decodeBody<T>(format: Format, bytes: Buffer): T {
  return (format === 'json' ? JSON.parse(bytes.toString()) : withoutNulls(decode(bytes))) as T;
}

/** MessagePack has no word for an absent field: the SDK writes `null`. Bytes stay bytes. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === null ? [] : [[key, withoutNulls(each)]])),
  );
}

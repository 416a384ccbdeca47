import { canonicalJson } from '../../wire/canonical-json.ts';

/** Node's own hash, where there is one: WebCrypto's is a job for another thread, which costs each send about half a millisecond. */
const nodeCrypto: typeof import('node:crypto') | undefined = globalThis.process?.getBuiltinModule?.('node:crypto');

/** SHA-256 of a value's canonical JSON, as hex. */
export async function digest(value: unknown): Promise<string> {
  const text = canonicalJson(value);
  if (nodeCrypto) return nodeCrypto.createHash('sha256').update(text).digest('hex');
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

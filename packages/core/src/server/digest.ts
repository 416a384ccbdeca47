/** JSON with sorted keys, so that equal values have equal text. */
function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, nested: unknown) => {
      if (typeof nested !== 'object' || nested === null || Array.isArray(nested)) return nested;
      const entries = Object.entries(nested).sort(([a], [b]) => (a < b ? -1 : 1));
      // fromEntries defines even `__proto__` as a plain key.
      return Object.fromEntries(entries);
    }) ?? 'null'
  );
}

/** SHA-256 of a value's canonical JSON, as hex. */
export async function digest(value: unknown): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonicalJson(value)));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

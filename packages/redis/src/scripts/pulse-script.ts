/** How long a pulse's mark stays, in milliseconds: far above the time to the next one. */
const markMs = 60_000;

/**
 * Tells the listening connection that it lives, and leaves a mark. Answers whether the last pulse's mark was there, and
 * whether this one's is: a full Redis refuses it.
 */
export const pulse: string = `
local wasMarked = redis.call('EXISTS', KEYS[1])
local marked = redis.pcall('SET', KEYS[1], '', 'PX', ${markMs})
redis.call('PUBLISH', KEYS[1], '')
return { wasMarked, marked.ok and 1 or 0 }`;

/** Tells the listening connection that it lives. */
export const pulse: string = `return redis.call('publish', KEYS[1], '')`;

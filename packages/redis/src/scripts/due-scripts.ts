/**
 * Notes when somebody must look at a run: `KEYS[1]` has all of them. ARGV: the time or nothing, the retention, the chat
 * and run, in how many milliseconds, `NX` or `XX`. What nobody has looked at for twice the retention is dropped.
 */
export const markDue = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 2 * retention)
redis.call('ZADD', KEYS[1], ARGV[5], now + ARGV[4], ARGV[3])
return 1
`;

/** The runs that are due, first due first. ARGV from 3: how many to leave out, how many to answer. */
export const listDue = `
return { now, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4]) }
`;

/** Somebody has looked: ARGV[4] is when to look again, by the log's clock, or nothing for never. */
export const setDue = `
-- A full Redis takes what may need memory only behind another write.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 2 * retention)
if ARGV[4] == '' then return redis.call('ZREM', KEYS[1], ARGV[3]) end
return redis.call('ZADD', KEYS[1], 'XX', ARGV[4], ARGV[3])
`;

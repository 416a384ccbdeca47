import { placeTtlMs } from '@chat-transport/core/provider';

/**
 * Takes a place in the chat's queue of writers, or keeps it. ARGV[3] is the place. Answers how many places that last
 * are in front of it. A full Redis takes it: what ends a run may have to queue up as well.
 */
export const standInQueue: string = `
evenWhenFull()
local places = chat .. ':places'
redis.call('HSET', places, ARGV[3], text(now + ${placeTtlMs}))
redis.call('PEXPIRE', places, ${placeTtlMs})
return placesInFront(ARGV[3])
`;

/** Gives a place up: ARGV[3]. */
export const leaveQueue: string = `return redis.call('HDEL', chat .. ':places', ARGV[3])`;

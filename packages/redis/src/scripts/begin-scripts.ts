import { parkedCommandTtlMs } from '@chat-transport/core/provider';

/** What `decideBegin` wants to know: the time, the chat's turn, the run, the newest run's id and row, the cancels that wait for the run. */
export const beginFacts: string = `
local turn = redis.call('HGET', chat, 'turn') or '0'
local newest = redis.call('LINDEX', chat .. ':runs', 0) or ''
local ids = {}
for _, cancel in ipairs(parkedCancels(${parkedCommandTtlMs}, run)) do ids[#ids + 1] = cancel.id end
return { now, turn, rowOf(run), newest, rowOf(newest), ids }
`;

/**
 * Begins the run, if nothing that was decided by has changed: turn, the newest run's end, the cancels that wait. ARGV from 4: the chat's turn, the newest
 * run, its end before, its end after, the ids of the cancels, digest, join key, fence, lease, start, conversation.
 */
export const beginRun: string = `
local turn, newest, before, after, cancelIds = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local parked = {}
for _, cancel in ipairs(parkedCancels(${parkedCommandTtlMs}, run)) do parked[#parked + 1] = cancel.id end
if (redis.call('HGET', chat, 'turn') or '0') ~= turn
  or (redis.call('LINDEX', chat .. ':runs', 0) or '') ~= newest
  or (redis.call('HGET', at('run', newest), 'reason') or '') ~= before
  or table.concat(parked, ' ') ~= cancelIds
then
  return { 'changed' }
end

-- First, because a full Redis refuses this one: then nothing has been written.
redis.call('SET', at('start', run), ARGV[13])
if after ~= before then
  local lease = load(newest).leaseUntil
  finish(newest, after, after == 'lost' and lease or now)
end
redis.call('HSET', chat, 'turn', turn + 1)
redis.call('LPUSH', chat .. ':runs', run)
redis.call('LTRIM', chat .. ':runs', 0, ARGV[15] - 1)
redis.call('SET', chat .. ':messages', ARGV[14])
local leaseUntil = now + ARGV[12]
redis.call('HSET', at('run', run),
  'turn', turn + 1, 'digest', ARGV[9], 'fence', ARGV[11], 'leaseMs', ARGV[12], 'leaseUntil', leaseUntil, 'next', 0)
if ARGV[10] ~= '' then redis.call('HSET', at('run', run), 'joinKey', ARGV[10]) end
keep(run, leaseUntil)

if #parked > 0 then
  finish(run, 'cancel', now)
  for _, id in ipairs(parked) do redis.call('HSET', at('run', run), 'cancel:' .. id, 1) end
  local others = {}
  for _, cancel in ipairs(parkedCancels(${parkedCommandTtlMs})) do
    if cancel.run ~= run then others[#others + 1] = cancel end
  end
  setParked(others, ${parkedCommandTtlMs})
end
tell(ARGV[16])
return { 'begun' }
`;

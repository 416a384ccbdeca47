import { parkedCommandsPerChat, parkedCommandTtlMs } from '@chat-transport/core/provider';

/** Ends a run by a cancel, or parks the cancel. ARGV from 4: the signal's id, channel. Answers the outcome. */
export const cancel: string = `
local id = ARGV[4]
local row = load(run)
if not row then
  local alive = parkedCancels(${parkedCommandTtlMs})
  for _, parked in ipairs(alive) do
    if parked.run == run and parked.id == id then return { 'accepted' } end
  end
  if #alive >= ${parkedCommandsPerChat} then table.remove(alive, 1) end
  alive[#alive + 1] = { entry = string.format('%.0f %s %s', now, run, id) }
  setParked(alive, ${parkedCommandTtlMs})
  return { 'accepted' }
end
if redis.call('HEXISTS', at('run', run), 'cancel:' .. id) == 1 then return { 'delivered' } end
if overBecause(run, row) then return { 'ended' } end
finish(run, 'cancel', now)
redis.call('HSET', at('run', run), 'cancel:' .. id, 1)
tell(ARGV[5])
return { 'delivered' }
`;

/** Hands a steer to the run. ARGV from 4: the signal's id, channel, the signal as JSON. Answers the outcome, or the receipt as JSON. */
export const steer = `
local id, steers = ARGV[4], at('steers', run)
local row = load(run)
if not row then return { 'unknown' } end
local receipt = redis.call('HGET', steers, 'receipt:' .. id)
if receipt then return { 'receipt', receipt } end
if overBecause(run, row) then return { 'ended' } end
if redis.call('HSETNX', steers, 'signal:' .. id, ARGV[6]) == 1 then
  redis.call('RPUSH', at('open', run), id)
  keep(run, row.leaseUntil)
  tell(ARGV[5])
end
return { 'accepted' }
`;

/** Takes or extends a claim. ARGV from 3: the claim's name, owner, time to live in milliseconds. */
export const claim = `
local name, owner, untilMs = at('claim', ARGV[3]), ARGV[4], now + ARGV[5]
local current = redis.call('HMGET', name, 'owner', 'until')
if current[1] and current[1] ~= owner and tonumber(current[2]) > now then return 0 end
evenWhenFull()
redis.call('HSET', name, 'owner', owner, 'until', untilMs)
redis.call('PEXPIREAT', name, untilMs)
return 1
`;

/** Tells the listening connection that it lives. */
export const pulse: string = `return redis.call('publish', KEYS[1], '')`;

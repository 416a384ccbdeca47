/**
 * Renews the lease, and with a frame appends it first. ARGV from 4: fence, `at`, the entry's id (`<at>-<count>`), `next`, chunks, channel; `at` is empty
 * to renew only. Answers `unknown`, `offset` with the next offset, `end` with its reason, or `commands` with the steers that are not settled.
 */
export const append = `
local fence, from, entry, next, chunks = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local row = load(run)
if not row then return { 'unknown' } end
local reason = overBecause(run, row)
if not reason and row.fence ~= fence then reason = 'lost' end
if reason then return { 'end', reason } end

if from == '' then
  evenWhenFull()
elseif from == row.next then
  -- First, because a full Redis refuses this one: then nothing has been written.
  redis.call('XADD', at('frames', run), entry, 'c', chunks)
  redis.call('HSET', at('run', run), 'next', next)
else
  local last = redis.call('XREVRANGE', at('frames', run), '+', '-', 'COUNT', 1)[1]
  if not last or last[1] ~= entry or last[2][2] ~= chunks then return { 'offset', row.next } end
end
local leaseUntil = now + row.leaseMs
redis.call('HSET', at('run', run), 'leaseUntil', leaseUntil)
keep(run, leaseUntil)
if from ~= '' then tell(ARGV[9]) end
local steers = openSteers(run)
return { 'commands', steers }
`;

/** Ends the run, if this writer still may. ARGV from 4: fence, reason, channel. */
export const end = `
local row = load(run)
if not row then return { 'unknown' } end
if not overBecause(run, row) and row.fence == ARGV[4] then
  finish(run, ARGV[5], now)
  tell(ARGV[6])
end
return { 'record', now, rowOf(run), redis.call('GET', at('start', run)) }
`;

/** Records a steer's outcome, if it has none. ARGV from 4: the steer's id, the receipt as JSON, channel. */
export const settle = `
local row = load(run)
if not row then return { 'unknown' } end
local steers, id = at('steers', run), ARGV[4]
if overBecause(run, row) or redis.call('HEXISTS', steers, 'signal:' .. id) == 0 then return { 'done' } end
evenWhenFull()
if redis.call('HSETNX', steers, 'receipt:' .. id, ARGV[5]) == 1 then
  redis.call('LREM', at('open', run), 0, id)
  tell(ARGV[6])
end
return { 'done' }
`;

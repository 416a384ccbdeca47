import { parkedCommandTtlMs } from '@chat-transport/core/provider';

/**
 * Writes changes, if the chat's version is still the one that their facts were of. ARGV from 3: that version, the next
 * one, the changes as JSON, whether they must pass where Redis is full, the channel, and the writer's place in the
 * queue or nothing. Answers 1, or 0 where the chat has changed or others stand in front.
 */
export const writeChanges: string = `
if (redis.call('GET', chat .. ':version') or '') ~= ARGV[3] or placesInFront(ARGV[8]) > 0 then return 0 end
local changes = cjson.decode(ARGV[5])
if ARGV[6] ~= '' then evenWhenFull() end
-- The first write, which a full Redis refuses otherwise: then nothing has been written.
redis.call('SET', chat .. ':version', ARGV[4], 'PX', text(2 * retention))

local function finish(id, reason, endedAt, cancelIds)
  redis.call('HSET', at('run', id), 'reason', reason, 'endedAt', text(endedAt), 'cancelIds', cancelIds)
  redis.call('DEL', at('open', id))
  keep(id, endedAt)
end

local erase, begin, writer, steer, settle = changes.erase, changes.begin, changes.writer, changes.addSteer, changes.settle
if erase then
  local names = redis.call('ZRANGE', chat .. ':claims', 0, -1)
  for _, id in ipairs(redis.call('LRANGE', chat .. ':runs', 0, -1)) do
    redis.call('DEL', at('start', id), at('context', id), at('snapshot', id), at('frames', id), at('steers', id), at('open', id))
    names[#names + 1] = 'finish:' .. id
  end
  for _, name in ipairs(names) do redis.call('DEL', at('claim', name)) end
  redis.call('DEL', chat .. ':messages', chat .. ':parked', chat .. ':claims')
  if erase.turn > 0 then redis.call('HSET', chat, 'turn', text(erase.turn), 'deletedTurn', text(erase.turn)) end
end

for _, ended in ipairs(changes.ends or {}) do
  local fields = redis.call('HMGET', at('run', ended.runId), 'fence', 'reason')
  if fields[1] and not fields[2] then finish(ended.runId, ended.reason, ended.at, ended.cancelIds) end
end

if begin then
  local id, runs, messages = begin.runId, chat .. ':runs', chat .. ':messages'
  redis.call('SET', at('start', id), begin.start)
  if begin.context then redis.call('SET', at('context', id), begin.context) end
  redis.call('HSET', chat, 'turn', text(begin.turn))
  -- The oldest go when their rows have gone, so that a deletion finds all that are kept.
  while redis.call('LLEN', runs) > 0 and redis.call('EXISTS', at('run', redis.call('LINDEX', runs, -1))) == 0 do
    redis.call('RPOP', runs)
  end
  redis.call('LPUSH', runs, id)
  if begin.keep == 0 then redis.call('DEL', messages) else redis.call('LTRIM', messages, 0, begin.keep - 1) end
  for _, message in ipairs(begin.add) do redis.call('RPUSH', messages, text(begin.turn) .. ' ' .. message) end
  redis.call('HSET', at('run', id), 'turn', text(begin.turn), 'digest', begin.digest, 'fence', begin.fence, 'next', 0,
    'leaseMs', text(begin.leaseMs), 'leaseUntil', text(begin.leaseUntil), 'cancelIds', begin.cancelIds,
    'attempt', text(begin.attempt), 'takeOverMs', text(begin.takeOverMs))
  if begin.joinKey then redis.call('HSET', at('run', id), 'joinKey', begin.joinKey) end
  if begin.reason then finish(id, begin.reason, begin.endedAt, begin.cancelIds) else keepAlive(id, begin.leaseUntil) end
end

if writer then
  local fields = redis.call('HMGET', at('run', writer.runId), 'fence', 'reason')
  if fields[1] and not fields[2] then
    redis.call('HSET', at('run', writer.runId), 'fence', writer.fence, 'attempt', text(writer.attempt),
      'leaseUntil', text(writer.leaseUntil))
    keepAlive(writer.runId, writer.leaseUntil)
  end
end

if steer then
  local steers = at('steers', steer.runId)
  local position = redis.call('HINCRBY', steers, 'count', 1)
  redis.call('HSET', steers, 'position:' .. steer.id, position, 'command:' .. position, steer.command)
  redis.call('RPUSH', at('open', steer.runId), position)
  keepAlive(steer.runId, tonumber(redis.call('HGET', at('run', steer.runId), 'leaseUntil')))
end

if settle then
  local steers = at('steers', settle.runId)
  local position = redis.call('HGET', steers, 'position:' .. settle.id)
  if position and redis.call('HSETNX', steers, 'receipt:' .. position, settle.receipt) == 1 then
    redis.call('LREM', at('open', settle.runId), 0, position)
  end
end

if changes.snapshot then
  local id = changes.snapshot.runId
  redis.call('SET', at('snapshot', id), changes.snapshot.text, 'NX')
  redis.call('PEXPIREAT', at('snapshot', id), text(tonumber(redis.call('HGET', at('run', id), 'endedAt') or now) + retention))
end

if changes.parked then redis.call('SET', chat .. ':parked', changes.parked, 'PX', ${parkedCommandTtlMs}) end

if changes.claim then
  local claim, claims = changes.claim, chat .. ':claims'
  local name = at('claim', claim.name)
  redis.call('HSET', name, 'owner', claim.owner, 'until', text(claim['until']))
  redis.call('PEXPIREAT', name, text(claim['until']))
  if string.sub(claim.name, 1, 7) ~= 'finish:' then
    redis.call('ZREMRANGEBYSCORE', claims, '-inf', text(now))
    redis.call('ZADD', claims, text(claim['until']), claim.name)
    redis.call('PEXPIREAT', claims, redis.call('ZREVRANGE', claims, 0, 0, 'WITHSCORES')[2])
  end
end
if ARGV[8] ~= '' then redis.call('HDEL', chat .. ':places', ARGV[8]) end
redis.call('PUBLISH', ARGV[7], '')
return 1
`;

/**
 * Renews the lease, and with a frame appends it. ARGV from 3: run, fence, cursor, channel, and with a frame `at`, the
 * entry's id (`<at>-<count>`), `next`, chunks. Answers the open commands behind the cursor, or nothing where this
 * writer may not.
 */
export const append = `
local run, from = ARGV[3], ARGV[7]
local row = redis.call('HMGET', at('run', run), 'fence', 'leaseMs', 'leaseUntil', 'next', 'reason')
if row[1] ~= ARGV[4] or row[5] or now >= tonumber(row[3]) or (from and from ~= row[4]) then return false end
local leaseUntil = now + tonumber(row[2])
if from then
  -- First, because a full Redis refuses this one: then nothing has been written.
  redis.call('XADD', at('frames', run), ARGV[8], 'c', ARGV[10])
  redis.call('HSET', at('run', run), 'next', ARGV[9], 'leaseUntil', text(leaseUntil))
else
  evenWhenFull()
  redis.call('HSET', at('run', run), 'leaseUntil', text(leaseUntil))
end
keepAlive(run, leaseUntil)
if from then redis.call('PUBLISH', ARGV[6], '') end
return openCommands(run, tonumber(ARGV[5]))
`;

/**
 * What the scripts on a chat share. Each is one transaction, and each has these:
 *
 * - `KEYS[1]`, the chat: a hash with `turn`, the newest run's; it stays for ever, so that no turn is given twice. Behind it
 *   - `:runs` the newest runs' ids, `:messages` the newest run's conversation, `:parked` the cancels that wait for a run
 *   - `:run:<id>` a run's row, `:start:<id>`, `:frames:<id>` its stream, `:steers:<id>` and `:open:<id>` (the ids of those not settled)
 *   - `:claim:<name>`
 * - `ARGV[1]` the time, or nothing for the server's; `ARGV[2]` the retention in milliseconds; `ARGV[3]` the run
 *
 * Redis deletes by itself what is past its retention.
 */
export const prelude = `
local chat, run, retention = KEYS[1], ARGV[3], tonumber(ARGV[2])

local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = clock()

local function at(kind, id) return chat .. ':' .. kind .. ':' .. id end

-- A full Redis refuses the first write of a script if that may need memory, and none after it: what ends or keeps a run must pass.
local function evenWhenFull() redis.call('DEL', chat .. ':none') end

local function load(id)
  local row = redis.call('HMGET', at('run', id), 'fence', 'leaseMs', 'leaseUntil', 'next', 'reason')
  if not row[1] then return nil end
  return { fence = row[1], leaseMs = tonumber(row[2]), leaseUntil = tonumber(row[3]), next = row[4], reason = row[5] }
end

-- How long the newest run is kept: its contents for the retention, its row for as long again.
local function keep(id, endsAt)
  for _, kind in ipairs({ 'start', 'frames', 'steers', 'open' }) do
    redis.call('PEXPIREAT', at(kind, id), endsAt + retention)
  end
  redis.call('PEXPIREAT', chat .. ':messages', endsAt + retention)
  redis.call('PEXPIREAT', chat .. ':runs', endsAt + 2 * retention)
  redis.call('PEXPIREAT', at('run', id), endsAt + 2 * retention)
end

-- Ends a run that has no end. Its open steers are settled by that.
local function finish(id, reason, endedAt)
  evenWhenFull()
  redis.call('HSET', at('run', id), 'reason', reason, 'endedAt', endedAt)
  redis.call('DEL', at('open', id))
  keep(id, endedAt)
end

-- Why the run is over. An expired lease becomes final here, so that a clock that steps back cannot revive it.
local function overBecause(id, row)
  if not row.reason and now >= row.leaseUntil then
    row.reason = 'lost'
    finish(id, 'lost', row.leaseUntil)
  end
  return row.reason
end

local function rowOf(id)
  return redis.call('HMGET', at('run', id),
    'turn', 'digest', 'joinKey', 'fence', 'leaseMs', 'leaseUntil', 'next', 'reason', 'endedAt')
end

local function openSteers(id)
  local steers = {}
  for _, steer in ipairs(redis.call('LRANGE', at('open', id), 0, -1)) do
    steers[#steers + 1] = redis.call('HGET', at('steers', id), 'signal:' .. steer)
  end
  return steers
end

-- The cancels that still wait, oldest first; those of \`only\`, or all.
local function parkedCancels(ttlMs, only)
  local alive = {}
  for _, entry in ipairs(redis.call('LRANGE', chat .. ':parked', 0, -1)) do
    local since, id, cancel = string.match(entry, '^(%S+) (%S+) (%S+)$')
    if tonumber(since) > now - ttlMs and (not only or id == only) then
      alive[#alive + 1] = { entry = entry, run = id, id = cancel }
    end
  end
  return alive
end

local function setParked(alive, ttlMs)
  redis.call('DEL', chat .. ':parked')
  for _, cancel in ipairs(alive) do redis.call('RPUSH', chat .. ':parked', cancel.entry) end
  redis.call('PEXPIREAT', chat .. ':parked', now + ttlMs)
end

local function tell(channel) redis.call('PUBLISH', channel, run) end
`;

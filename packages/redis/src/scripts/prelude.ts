import { placeTtlMs } from '@chat-transport/core/provider';

/**
 * What the scripts on a chat share. Each is one transaction, and each has these:
 *
 * - `KEYS[1]`, the chat: a hash with `turn` and `deletedTurn`; it stays for ever, so that no turn is given twice.
 *   The other keys have its name with one of these behind it:
 *   - `:version`, which every change replaces
 *   - `:places`, the writers that queue up, each with the time when its place ends
 *   - `:runs`, the ids of all runs that are kept, newest first
 *   - `:messages`, the conversation, each as `<turn> <JSON>`; `:parked`, the cancels that wait, as JSON
 *   - `:run:<id>` a run's row, `:start:<id>`, `:context:<id>`, `:snapshot:<id>`, `:frames:<id>` its stream,
 *     `:steers:<id>`, and `:open:<id>`, the positions of those not settled
 *   - `:claim:<name>`, and `:claims`, the names of those that do not finish a run, by their end
 * - `ARGV[1]` the time, or nothing for the server's; `ARGV[2]` the retention in milliseconds
 *
 * Redis deletes by itself what is past its retention.
 */
export const prelude: string = `
local chat, retention = KEYS[1], tonumber(ARGV[2])

local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = clock()

local function at(kind, id) return chat .. ':' .. kind .. ':' .. id end
local function text(number) return string.format('%.0f', number) end

-- A full Redis refuses the first write of a script if that may need memory, and none after it: what ends or keeps a run must pass.
local function evenWhenFull() redis.call('DEL', chat .. ':none') end

-- How long the newest run is kept: its contents for the retention, its row for as long again.
local function keep(id, endsAt)
  for _, kind in ipairs({ 'start', 'context', 'snapshot', 'frames', 'steers', 'open' }) do
    redis.call('PEXPIREAT', at(kind, id), text(endsAt + retention))
  end
  redis.call('PEXPIREAT', chat .. ':messages', text(endsAt + retention))
  redis.call('PEXPIREAT', chat .. ':runs', text(endsAt + 2 * retention))
  redis.call('PEXPIREAT', at('run', id), text(endsAt + 2 * retention))
end

-- How long a run is kept that may be renewed or taken over: as if it were lost now.
local function keepAlive(id, leaseUntil)
  keep(id, leaseUntil + tonumber(redis.call('HGET', at('run', id), 'takeOverMs') or '0'))
end

-- How many writers stand in the chat's queue in front of a place, or at all. Those whose time is over are gone; a clock that was set back keeps none.
local function placesInFront(place)
  local places, count = redis.call('HGETALL', chat .. ':places'), 0
  for index = 1, #places, 2 do
    local left = tonumber(places[index + 1]) - now
    if left <= 0 or left > ${placeTtlMs} then redis.call('HDEL', chat .. ':places', places[index])
    elseif place == '' or places[index] < place then count = count + 1 end
  end
  return count
end

-- The commands without an outcome behind a cursor, oldest first: position, command, position, command ...
local function openCommands(id, cursor)
  local commands = {}
  for _, position in ipairs(redis.call('LRANGE', at('open', id), 0, -1)) do
    if tonumber(position) > cursor then
      commands[#commands + 1] = position
      commands[#commands + 1] = redis.call('HGET', at('steers', id), 'command:' .. position)
    end
  end
  return commands
end
`;

/** The facts that ARGV[3], a `Need` as JSON, asks for; `false` in the place of what it does not. */
export const readFacts = `
local need = cjson.decode(ARGV[3])
local head = redis.call('HMGET', chat, 'turn', 'deletedTurn')
local turn = tonumber(head[1] or '0')
local isNews = not need.above or turn > need.above
local id = need.run

local function rowOf(run)
  local row = redis.call('HMGET', at('run', run), 'turn', 'digest', 'joinKey', 'fence', 'leaseMs', 'leaseUntil', 'next',
    'reason', 'endedAt', 'cancelIds', 'attempt', 'takeOverMs')
  row[13] = need.starts and redis.call('GET', at('start', run)) or false
  row[14] = run
  return row
end

-- A few entries at a time: one may be of megabytes.
local function framesOf(run, from, limit)
  local frames, bytes = {}, 0
  while bytes < limit do
    local entries = redis.call('XRANGE', at('frames', run), from, '+', 'COUNT', 4)
    for _, entry in ipairs(entries) do
      local size = #entry[2][2]
      if bytes > 0 and bytes + size > limit then return frames end
      frames[#frames + 1] = entry
      bytes = bytes + size
      from = '(' .. entry[1]
    end
    if #entries < 4 then break end
  end
  return frames
end

local function steersOf(run)
  local steers = at('steers', run)
  local open, length = redis.call('LRANGE', at('open', run), 0, -1), 0
  for _, position in ipairs(open) do length = length + redis.call('HSTRLEN', steers, 'command:' .. position) end
  return { tonumber(redis.call('HGET', steers, 'count') or '0'), #open, length }
end

local function newerMessages(after)
  local key = chat .. ':messages'
  local length = redis.call('LLEN', key)
  local first = after >= 0 and after <= turn and length or 0
  while first > 0 do
    local entry = redis.call('LINDEX', key, first - 1)
    if tonumber(string.match(entry, '^%d+')) <= after then break end
    first = first - 1
  end
  return { length, redis.call('LRANGE', key, first, -1) }
end

local function claimOf(name)
  local count, kind = 0, string.match(name, '^[^:]*:')
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', chat .. ':claims', '(' .. text(now), '+inf')) do
    if string.match(other, '^[^:]*:') == kind then count = count + 1 end
  end
  return { redis.call('HMGET', at('claim', name), 'owner', 'until'), count }
end

local newest = {}
if need.newest and isNews then
  for _, run in ipairs(redis.call('LRANGE', chat .. ':runs', 0, need.newest - 1)) do newest[#newest + 1] = rowOf(run) end
end
local position = id and need.steer and redis.call('HGET', at('steers', id), 'position:' .. need.steer)
return {
  now, redis.call('GET', chat .. ':version') or '', turn, tonumber(head[2] or '0'),
  id and rowOf(id) or false,
  position and { redis.call('HGET', at('steers', id), 'receipt:' .. position) } or false,
  id and need.steerCounts and steersOf(id) or false,
  id and need.openAfter and openCommands(id, need.openAfter) or false,
  id and need.lastFrame and redis.call('XREVRANGE', at('frames', id), '+', '-', 'COUNT', 1) or false,
  id and need.frames and framesOf(id, need.frames.from, need.frames.maxLength) or false,
  id and need.snapshot and redis.call('GET', at('snapshot', id)) or false,
  newest,
  need.messagesAfter and isNews and newerMessages(need.messagesAfter) or false,
  need.parked and redis.call('GET', chat .. ':parked') or false,
  need.claim and claimOf(need.claim) or false,
  id and need.context and redis.call('GET', at('context', id)) or false,
}
`;

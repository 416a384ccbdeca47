/**
 * A run's row and start, and its frames from an offset. ARGV from 4: the offset, empty for no frames; how many bytes of chunks at most, one frame
 * at least; `brief`, to leave the start out while there is nothing to tell. A few entries at a time: one may be of megabytes.
 */
export const read = `
local row = load(run)
if not row then return { 'unknown' } end
local frames, bytes = {}, 0
local from = ARGV[4]
while from ~= '' and bytes < tonumber(ARGV[5]) do
  local entries = redis.call('XRANGE', at('frames', run), from, '+', 'COUNT', 4)
  for _, entry in ipairs(entries) do
    local size = #entry[2][2]
    if bytes > 0 and bytes + size > tonumber(ARGV[5]) then bytes = math.huge end
    if bytes < math.huge then
      frames[#frames + 1] = entry
      bytes = bytes + size
      from = '(' .. entry[1]
    end
  end
  if #entries < 4 then break end
end
local isNews = #frames > 0 or row.reason or now >= row.leaseUntil
local start = (ARGV[6] == '' or isNews) and redis.call('GET', at('start', run))
return { 'run', now, rowOf(run), start, frames }
`;

/** The chat's turn; its newest runs with their starts, and its conversation, where the turn is above ARGV[4]. */
export const state = `
local turn = tonumber(redis.call('HGET', chat, 'turn') or '0')
if turn <= tonumber(ARGV[4]) then return { now, turn } end
local runs = {}
for _, id in ipairs(redis.call('LRANGE', chat .. ':runs', 0, -1)) do
  runs[#runs + 1] = { id, rowOf(id), redis.call('GET', at('start', id)) }
end
return { now, turn, redis.call('GET', chat .. ':messages'), runs }
`;

/** What a writer has to know: the run's row and the steers that are not settled. */
export const news = `
if not load(run) then return { 'unknown' } end
return { 'run', now, rowOf(run), openSteers(run) }
`;

/** What has become of a run: its row, its start, and until when somebody finishes it. */
export const outcome = `
if not load(run) then return { 'unknown' } end
local untilMs = redis.call('HGET', at('claim', 'finish:' .. run), 'until')
return { 'run', now, rowOf(run), redis.call('GET', at('start', run)), untilMs }
`;

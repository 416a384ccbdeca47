import { placePrefix, placeTtlMs } from '@chat-transport/core/provider';
import { quoted } from './schema.ts';

/** Every statement of the store: it takes text parameters and answers at most one row with one text column, `answer`. */
export interface Statements {
  readonly version: string;
  readonly facts: string;
  readonly append: string;
  readonly write: string;
  /** Takes or keeps a place in the queue of those who want to change a chat. */
  readonly stand: string;
  /** Gives a place up. */
  readonly leave: string;
  readonly unfinished: string;
  readonly prune: string;
  /** How far chats are, for polling. */
  readonly progress: string;
}

/** What tells others of what a statement has written, in that same statement. */
export interface Announcing {
  /** SQL that notifies other processes of a change in a chat; arguments and answer are SQL expressions. */
  readonly notify?: ((chatId: string) => string) | undefined;
  /** SQL that broadcasts a frame to a chat's clients. */
  readonly broadcast?: ((chatId: string, frame: string) => string) | undefined;
  /** The largest frame that is broadcast whole, in bytes of JSON text; a pointer goes out instead of a larger one. */
  readonly maxFrameBytes?: number | undefined;
}

/** How many frames one read looks at. */
const maxFramesPerRead = 2_000;
/** How many runs one `prune` empties, so that it holds no locks for long. */
const maxRunsPerPrune = 500;

/** The store's clock: the database's, or the one that a test hands in. */
function clock(parameter: string): string {
  return `coalesce(${parameter}::text::bigint, (extract(epoch from clock_timestamp()) * 1000)::bigint)`;
}

/** The statements for the tables of one schema. */
export function createStatements(schema: string, announcing: Announcing = {}): Statements {
  const s = quoted(schema);
  const { notify = () => 'null', broadcast = () => 'null', maxFrameBytes = 0 } = announcing;

  const run = (r: string, starts: string): string => `json_build_object(
    'chatId', ${r}.chat_id, 'runId', ${r}.run_id, 'turn', ${r}.turn, 'digest', ${r}.digest, 'joinKey', ${r}.join_key,
    'fence', ${r}.fence, 'attempt', ${r}.attempt, 'leaseMs', ${r}.lease_ms, 'leaseUntil', ${r}.lease_until, 'takeOverMs', ${r}.take_over_ms,
    'next', ${r}.next, 'cancelIds', ${r}.cancel_ids::json,
    'end', case when ${r}.end_reason is not null then json_build_object('reason', ${r}.end_reason, 'at', ${r}.ended_at) end,
    'start', case when ${starts} then (select data from ${s}.frames f where f.run = ${r}.id and f.at = -1) end)`;

  const openCommands = (r: string, after: string): string => `(
    select json_agg(json_build_object('position', t.position, 'command', t.command) order by t.position) from ${s}.steers t
    where t.run = ${r}.id and t.position > ${after} and t.receipt is null)`;

  /** The beginning of a frame's JSON. Ids have no character that JSON escapes. */
  const head = (r: string): string => `'{"v":1,"run":"' || ${r}.run_id || '","turn":' || ${r}.turn`;
  const chunksFrame = `${head('run')} || ',"at":' || frame.at || ',"next":' || frame.next`;
  const whole = `${chunksFrame} || ',"chunks":' || frame.data || '}'`;
  // A frame travels as a JSON string, whose quotes are escaped: at most twice as long.
  const fits = `octet_length(frame.data) * 2 < ${maxFrameBytes} - 1000 or octet_length(to_json(${whole})::text) <= ${maxFrameBytes}`;
  const sentFrame = broadcast('run.chat_id', `case when ${fits} then ${whole} else ${chunksFrame} || '}' end`);
  const endFrame = `${head('ended')} || ',"at":' || ended.next || ',"end":{"reason":"' || ended.end_reason || '"}}'`;
  const startFrames = `(select string_agg((${broadcast('$1::text', 'frame.value')})::text, '') from j, json_array_elements_text(j->'frames') as frame)`;

  /** The places in front of one, or all. They are claims, so that a chat's deletion and the pruning take them too. A clock that steps back ends them. */
  const inFront = (place: string, now: string): string => `${s}.claims p
    where p.chat_id = $1::text and p.name >= '${placePrefix}' and p.name < coalesce(${place}, '${placePrefix}~')
      and p.until > ${now} and p.until <= ${now} + ${placeTtlMs}`;

  return {
    version: `select version::text as answer from ${s}.version`,

    // $1 chat, $2 need, $3 time
    facts: `
with n as materialized (
    select ${clock('$3')} as now, need.* from json_to_record($2::text::json) as need (
      run text, steer text, "steerCounts" boolean, "openAfter" int, "lastFrame" boolean, frames json, snapshot boolean,
      context boolean, newest int, starts boolean, "messagesAfter" int, above int, parked boolean, claim text)),
  c as materialized (select * from ${s}.chats where chat_id = $1::text),
  news as materialized (select coalesce((select turn from c), 0) > coalesce(n.above, -1) as exist from n),
  r as materialized (select runs.* from ${s}.runs, n where chat_id = $1::text and run_id = n.run)
select json_build_object(
  'now', n.now, 'version', coalesce((select version from c), 0)::text,
  'turn', coalesce((select turn from c), 0), 'deletedTurn', coalesce((select deleted_turn from c), 0),
  'run', (select ${run('r', 'n.starts')} from r),
  'newest', case when n.newest > 0 and news.exist then (
    select json_agg(${run('w', 'n.starts')} order by w.turn desc)
    from (select * from ${s}.runs where chat_id = $1::text order by turn desc limit n.newest) w) end,
  'conversation', case when n."messagesAfter" is not null and news.exist then (
    select json_build_object('length', count(*), 'newer', coalesce(json_agg(m.data order by m.position) filter (where m.is_newer), '[]'))
    from (select data, position, position > coalesce(
        (select max(position) from ${s}.messages where chat_id = $1::text and turn <= n."messagesAfter"
          and n."messagesAfter" <= (select turn from c)), -1) as is_newer
      from ${s}.messages where chat_id = $1::text) m) end,
  'steer', case when n.steer is not null then (
    select json_build_object('receipt', t.receipt::json) from ${s}.steers t, r where t.run = r.id and t.id = n.steer) end,
  'steerCounts', case when n."steerCounts" then (
    select json_build_object('all', count(*), 'open', count(*) filter (where receipt is null),
      'openLength', coalesce(sum(length(command)) filter (where receipt is null), 0))
    from ${s}.steers t, r where t.run = r.id) end,
  'openCommands', case when n."openAfter" is not null then (select ${openCommands('r', 'n."openAfter"')} from r) end,
  'lastFrame', case when n."lastFrame" then (
    select json_build_object('at', f.at, 'next', f.next, 'chunks', f.data)
    from ${s}.frames f, r where f.run = r.id and f.at >= 0 order by f.at desc limit 1) end,
  'frames', case when n.frames is not null then (
    select json_agg(json_build_object('at', g.at, 'next', g.next,
      'chunks', (select data from ${s}.frames d where d.run = g.run and d.at = g.at)) order by g.at)
    from (
      select f.run, f.at, f.next, sum(f.size) over (order by f.at) as total, row_number() over (order by f.at) as place
      from (select f.run, f.at, f.next, f.size from ${s}.frames f, r
        where f.run = r.id and f.at >= (n.frames->>'from')::int order by f.at limit ${maxFramesPerRead}) f) g
    where g.place = 1 or g.total <= (n.frames->>'maxLength')::bigint) end,
  'snapshot', case when n.snapshot then (select f.data from ${s}.frames f, r where f.run = r.id and f.at = -2) end,
  'context', case when n.context then (select f.data from ${s}.frames f, r where f.run = r.id and f.at = -3) end,
  'parked', case when n.parked then (select parked::json from c) end,
  'claim', case when n.claim is not null then (
    select json_build_object('owner', owner, 'until', until) from ${s}.claims where chat_id = $1::text and name = n.claim) end,
  'claimCount', case when n.claim is not null then (
    select count(*) from ${s}.claims
    where chat_id = $1::text and left(name, strpos(name, ':')) = left(n.claim, strpos(n.claim, ':')) and until > n.now) end
)::text as answer from n, news`,

    // $1 chat, $2 run, $3 fence, $4 chunks, $5 frame's at and next, $6 cursor, $7 time
    append: `
with n as materialized (select ${clock('$7')} as now),
  run as (
    update ${s}.runs r set next = coalesce($5::text::json->>'next', r.next::text)::int, lease_until = n.now + r.lease_ms from n
    where r.chat_id = $1::text and r.run_id = $2::text and r.fence = $3::text and r.end_reason is null and r.lease_until > n.now
      and r.next = coalesce($5::text::json->>'at', r.next::text)::int
    returning r.id, r.chat_id, r.run_id, r.turn),
  frame as (
    insert into ${s}.frames (run, at, next, size, data)
    select id, ($5::text::json->>'at')::int, ($5::text::json->>'next')::int, length($4::text), $4::text from run where $4::text is not null
    returning at, next, data)
select json_build_object('commands', ${openCommands('run', '$6::text::int')},
  'sent', (select (${sentFrame})::text from frame))::text as answer
from run`,

    // $1 chat, $2 version, $3 changes, $4 place or null, $5 time
    write: `
with j as materialized (select $3::text::json as j),
  b as materialized (
    select b.*, j->'begin'->'add' as add from j, json_to_record(j->'begin') as b (
      "runId" text, turn int, digest text, "joinKey" text, fence text, attempt int, "leaseMs" bigint, "leaseUntil" bigint, "takeOverMs" bigint, next int, "end" json, "cancelIds" json,
      start text, context text, keep int)
    where b."runId" is not null),
  e as materialized (select (j->'erase'->>'turn')::int as turn from j where j->'erase' is not null),
  c as (
    insert into ${s}.chats as c (chat_id, version, turn, deleted_turn, parked)
    select $1::text, 1, coalesce((select turn from b), (select turn from e), 0), coalesce((select turn from e), 0), coalesce(j->>'parked', '[]') from j
    -- A writer that comes too late, as it can see, takes no lock.
    where coalesce((select version from ${s}.chats where chat_id = $1::text), 0) = $2::text::bigint
      and not exists (select from ${inFront('$4::text', clock('$5'))})
    on conflict (chat_id) do update set version = c.version + 1, turn = greatest(c.turn, excluded.turn),
      deleted_turn = coalesce((select turn from e), c.deleted_turn),
      parked = case when exists (select from e) then '[]' else coalesce((select j->>'parked' from j), c.parked) end
    where c.version = $2::text::bigint
    returning 1),
  left_queue as (delete from ${s}.claims using c where chat_id = $1::text and name = $4::text),
  erased as materialized (select r.id from ${s}.runs r, e, c where r.chat_id = $1::text and not r.emptied),
  no_frames as (delete from ${s}.frames using erased where run = erased.id),
  no_steers as (delete from ${s}.steers using erased where run = erased.id),
  no_claims as (delete from ${s}.claims using e, c where chat_id = $1::text),
  no_messages as (
    delete from ${s}.messages using c where chat_id = $1::text
      and (exists (select from e) or position >= (select keep + json_array_length(add) from b))),
  messages as (
    insert into ${s}.messages (chat_id, position, turn, data)
    select $1::text, b.keep + m.place - 1, b.turn, m.data from c, b, json_array_elements_text(b.add) with ordinality as m (data, place)
    on conflict (chat_id, position) do update set turn = excluded.turn, data = excluded.data),
  ended as (
    update ${s}.runs r set emptied = r.emptied or exists (select from e),
      end_reason = coalesce(r.end_reason, x."end"->>'reason'), ended_at = coalesce(r.ended_at, (x."end"->>'at')::bigint),
      cancel_ids = case when r.end_reason is null then coalesce(x."cancelIds"::text, r.cancel_ids) else r.cancel_ids end
    from c, (select id, "end", "cancelIds", "runId" is not null as ends from ${s}.runs
      left join (select "runId", "end", "cancelIds" from j, json_to_recordset(j->'ends') as e ("runId" text, "end" json, "cancelIds" json)) e
        on e."runId" = run_id
      where chat_id = $1::text and ("runId" is not null or (not emptied and exists (select from e)))) x
    where r.id = x.id
    returning r.chat_id, r.run_id, r.turn, r.next, r.end_reason, x.ends and r.ended_at = (x."end"->>'at')::bigint as is_new),
  begun as (
    insert into ${s}.runs (chat_id, run_id, turn, digest, join_key, fence, attempt, lease_ms, lease_until, take_over_ms, next, end_reason, ended_at, cancel_ids)
    select $1::text, "runId", turn, digest, "joinKey", fence, attempt, "leaseMs", "leaseUntil", "takeOverMs", next, "end"->>'reason', ("end"->>'at')::bigint, "cancelIds"::text
    from b, c returning id),
  started as (insert into ${s}.frames (run, at, next, size, data) select begun.id, -1, -1, 0, b.start from begun, b),
  contexts as (insert into ${s}.frames (run, at, next, size, data) select begun.id, -3, -3, 0, b.context from begun, b where b.context is not null),
  written as (
    update ${s}.runs r set fence = w.fence, attempt = w.attempt, lease_until = w."leaseUntil"
    from j, json_to_record(j->'writer') as w ("runId" text, fence text, attempt int, "leaseUntil" bigint), c
    where r.chat_id = $1::text and r.run_id = w."runId" and r.end_reason is null),
  steered as (
    insert into ${s}.steers (run, position, id, command)
    select r.id, (select count(*) + 1 from ${s}.steers t where t.run = r.id), t.id, t.command
    from j, json_to_record(j->'addSteer') as t ("runId" text, id text, command text), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = t."runId"),
  settled as (
    update ${s}.steers t set receipt = x.receipt::text
    from j, json_to_record(j->'settle') as x ("runId" text, id text, receipt json), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = x."runId" and t.run = r.id and t.id = x.id and t.receipt is null),
  snapshot as (
    insert into ${s}.frames (run, at, next, size, data)
    select r.id, -2, -2, 0, x.text from j, json_to_record(j->'snapshot') as x ("runId" text, text text), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = x."runId" and not r.emptied on conflict do nothing),
  claimed as (
    insert into ${s}.claims (chat_id, name, owner, until)
    select $1::text, x.name, x.owner, x.until from j, json_to_record(j->'claim') as x (name text, owner text, until bigint), c where x.name is not null
    on conflict (chat_id, name) do update set owner = excluded.owner, until = excluded.until)
select json_build_object(
  'ends', (select string_agg((${broadcast('ended.chat_id', endFrame)})::text, '') from ended where is_new),
  'starts', ${startFrames},
  'told', (${notify('$1::text')})::text)::text as answer
from c`,

    // $1 chat, $2 place, $3 time
    stand: `
with n as materialized (select ${clock('$3')} as now),
  mine as (
    insert into ${s}.claims (chat_id, name, owner, until) select $1::text, $2::text, '', now + ${placeTtlMs} from n
    on conflict (chat_id, name) do update set until = excluded.until)
select count(*)::text as answer from n, ${inFront('$2::text', 'n.now')}`,

    // $1 chat, $2 place
    leave: `delete from ${s}.claims where chat_id = $1::text and name = $2::text returning name as answer`,

    // $1 time, $2 retention, $3 limit
    unfinished: `
with n as materialized (select ${clock('$1')} as now),
  over as (
    select id, ended_at as over_at from ${s}.runs, n where end_reason is not null and ended_at > now - $2::text::bigint and not emptied
    union all
    select id, lease_until from ${s}.runs, n where end_reason is null and lease_until <= now and lease_until + take_over_ms > now - $2::text::bigint and not emptied)
select json_build_object('now', n.now, 'runs', (
  select json_agg(run order by over_at, id) from (
    select over.over_at, r.id, ${run('r', 'true')} as run from over join ${s}.runs r using (id)
    where (r.end_reason is null and r.lease_until + r.take_over_ms > n.now) or not exists (
      select from ${s}.claims c where c.chat_id = r.chat_id and c.name = 'finish:' || r.run_id and c.until > n.now)
    order by over_at, r.id limit $3::text::int) w))::text as answer
from n`,

    // $1 time, $2 retention, $3 how long a parked cancel waits, $4 chat or null
    prune: `
with n as materialized (select ${clock('$1')} as now),
  over as materialized (
    select id, chat_id, turn, coalesce(ended_at, lease_until + take_over_ms) as at from ${s}.runs, n
    where ($4::text is null or chat_id = $4::text) and (
      (end_reason is not null and ended_at <= now - $2::text::bigint and (not emptied or ended_at <= now - 2 * $2::text::bigint))
      or (end_reason is null and lease_until + take_over_ms <= now - $2::text::bigint))
    order by id limit ${maxRunsPerPrune} for no key update of runs skip locked),
  no_frames as (delete from ${s}.frames using over where run = over.id),
  no_steers as (delete from ${s}.steers using over where run = over.id),
  emptied as (
    update ${s}.runs r set emptied = true, end_reason = coalesce(end_reason, 'lost'), ended_at = coalesce(ended_at, lease_until + take_over_ms)
    from over, n where r.id = over.id and over.at > n.now - 2 * $2::text::bigint),
  no_runs as (delete from ${s}.runs r using over, n where r.id = over.id and over.at <= n.now - 2 * $2::text::bigint),
  ends as materialized (select c.chat_id from ${s}.chats c join over on c.chat_id = over.chat_id and c.turn = over.turn),
  no_messages as (delete from ${s}.messages m using ends where m.chat_id = ends.chat_id),
  chats as (
    update ${s}.chats c set version = version + 1, parked = coalesce((
      select json_agg(p) from json_array_elements(c.parked::json) p where (p->>'at')::bigint > n.now - $3::text::bigint)::text, '[]')
    from n where ($4::text is null or c.chat_id = $4::text) and (
      c.chat_id in (select chat_id from ends)
      or (c.parked <> '[]' and exists (
        select from json_array_elements(c.parked::json) p where (p->>'at')::bigint <= n.now - $3::text::bigint)))),
  no_claims as (delete from ${s}.claims using n where ($4::text is null or chat_id = $4::text) and until <= now)
select 'done' as answer`,

    // $1 chats as a JSON array
    progress: `
select json_object_agg(c.chat_id, c.version || ' ' || coalesce((
  select string_agg(r.turn || ':' || r.next, ' ' order by r.turn) from ${s}.runs r where r.chat_id = c.chat_id and r.end_reason is null), ''))::text as answer
from ${s}.chats c where c.chat_id in (select json_array_elements_text($1::text::json))`,
  };
}

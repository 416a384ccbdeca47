import { placePrefix, placeTtlMs } from '@chat-transport/core/provider';
import { factsStatement } from './facts-statement.ts';
import { quoted } from './schema.ts';
import { writeStatement } from './write-statement.ts';

/**
 * A statement with the parts that these keys of its argument need; without them, with all. Postgres plans every part at each call, which takes longer than
 * running it.
 */
export type PartialStatement = (keys?: readonly string[]) => string;

/** Every statement of the store: it takes text parameters and answers at most one row with one text column, `answer`. */
export interface Statements {
  readonly version: string;
  readonly facts: PartialStatement;
  readonly append: string;
  readonly write: PartialStatement;
  /** Deletes what was appended to a chat's runs while the chat was deleted: the deletion did not see it. */
  readonly clear: string;
  /** Takes or keeps a place in the queue of those who want to change a chat. */
  readonly stand: string;
  /** Gives a place up. */
  readonly leave: string;
  readonly unfinished: string;
  readonly prune: string;
  /** How far chats are, for polling. */
  readonly progress: string;
}

/** How a statement announces what it writes, within that same statement. */
export interface Announcing {
  /** SQL that notifies other processes of a change in a chat; arguments and answer are SQL expressions. */
  readonly notify?: ((chatId: string) => string) | undefined;
  /** SQL that broadcasts a frame to a chat's clients. */
  readonly broadcast?: ((chatId: string, frame: string) => string) | undefined;
  /** The largest frame that is broadcast whole, in bytes of JSON text; a pointer goes out instead of a larger one. */
  readonly maxFrameBytes?: number | undefined;
}

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

  /**
   * The places in front of this one, or all places. They are rows of `claims`, so that deleting a chat and pruning remove them. The last condition ends places
   * that were taken before the clock was set back.
   */
  const inFront = (place: string, now: string): string => `${s}.claims p
    where p.chat_id = $1::text and p.name >= '${placePrefix}' and p.name < coalesce(${place}, '${placePrefix}~')
      and p.until > ${now} and p.until <= ${now} + ${placeTtlMs}`;

  return {
    version: `select version::text as answer from ${s}.version`,

    facts: factsStatement(s, { clock: clock('$3'), run, openCommands }),

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
    write: writeStatement(s, {
      mustWait: `exists (select from ${inFront('$4::text', clock('$5'))})`,
      ends: `(select string_agg((${broadcast('ended.chat_id', endFrame)})::text, '') from ended where is_new)`,
      announced: `'starts', ${startFrames}, 'notified', (${notify('$1::text')})::text`,
    }),

    // $1 chat
    clear: `
with late as (delete from ${s}.frames f using ${s}.runs r where r.chat_id = $1::text and r.emptied and f.run = r.id)
select 'done' as answer`,

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
  ends as materialized (select c.chat_id from ${s}.chats c join over on c.chat_id = over.chat_id and c.turn = over.turn
    for no key update of c skip locked),
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

import type { Changes } from '@chat-transport/core/provider';
import type { PartialStatement } from './statements.ts';

/** A part of the statement, and the kinds of changes that need it. */
interface WritePart {
  readonly of: readonly (keyof Changes)[];
  readonly sql: string;
}

/** The part that gives runs their end. */
const endedBy: Pick<WritePart, 'of'> = { of: ['ends', 'erase'] };

/** SQL expressions of what surrounds the changes. */
export interface WriteSurroundings {
  /** Whether others are in front in the queue: they write first. */
  readonly mustWait: string;
  /** Broadcasts the ends in `ended`. */
  readonly ends: string;
  /** Further keys and values of the answer, which announce everything else. */
  readonly announced: string;
}

/**
 * The statement that writes changes: $1 chat, $2 version, $3 changes, $4 place or null, $5 time. It answers a row if the chat still has that version.
 */
export function writeStatement(s: string, { mustWait, ends, announced }: WriteSurroundings): PartialStatement {
  const parts: readonly WritePart[] = [
    {
      of: ['erase'],
      sql: `
  erased as materialized (select r.id from ${s}.runs r, e, c where r.chat_id = $1::text and not r.emptied),
  no_frames as (delete from ${s}.frames using erased where run = erased.id),
  no_steers as (delete from ${s}.steers using erased where run = erased.id),
  no_claims as (delete from ${s}.claims using e, c where chat_id = $1::text)`,
    },
    {
      of: ['begin', 'erase'],
      sql: `
  no_messages as (
    delete from ${s}.messages using c where chat_id = $1::text
      and position >= case when exists (select from e) then 0 else (select keep + json_array_length(add) from b) end)`,
    },
    {
      of: ['begin'],
      sql: `
  messages as (
    insert into ${s}.messages (chat_id, position, turn, data)
    select $1::text, b.keep + m.place - 1, b.turn, m.data from c, b, json_array_elements_text(b.add) with ordinality as m (data, place)
    on conflict (chat_id, position) do update set turn = excluded.turn, data = excluded.data),
  begun as (
    insert into ${s}.runs (chat_id, run_id, turn, digest, join_key, fence, attempt, lease_ms, lease_until, take_over_ms, next, end_reason, ended_at, cancel_ids)
    select $1::text, "runId", turn, digest, "joinKey", fence, attempt, "leaseMs", "leaseUntil", "takeOverMs", next, "end"->>'reason', ("end"->>'at')::bigint, "cancelIds"::text
    from b, c returning id),
  started as (insert into ${s}.frames (run, at, next, size, data) select begun.id, -1, -1, 0, b.start from begun, b),
  contexts as (insert into ${s}.frames (run, at, next, size, data) select begun.id, -3, -3, 0, b.context from begun, b where b.context is not null)`,
    },
    {
      ...endedBy,
      sql: `
  ended as (
    update ${s}.runs r set emptied = r.emptied or exists (select from e),
      end_reason = coalesce(r.end_reason, x."end"->>'reason'), ended_at = coalesce(r.ended_at, (x."end"->>'at')::bigint),
      cancel_ids = case when r.end_reason is null then coalesce(x."cancelIds"::text, r.cancel_ids) else r.cancel_ids end
    from c, (select id, "end", "cancelIds", "runId" is not null as ends from ${s}.runs
      left join (select "runId", "end", "cancelIds" from j, json_to_recordset(j->'ends') as e ("runId" text, "end" json, "cancelIds" json)) e
        on e."runId" = run_id
      where chat_id = $1::text and ("runId" is not null or (not emptied and exists (select from e)))) x
    where r.id = x.id
    returning r.chat_id, r.run_id, r.turn, r.next, r.end_reason, x.ends and r.ended_at = (x."end"->>'at')::bigint as is_new)`,
    },
    {
      of: ['writer'],
      sql: `
  written as (
    update ${s}.runs r set fence = w.fence, attempt = w.attempt, lease_until = w."leaseUntil"
    from j, json_to_record(j->'writer') as w ("runId" text, fence text, attempt int, "leaseUntil" bigint), c
    where r.chat_id = $1::text and r.run_id = w."runId" and r.end_reason is null)`,
    },
    {
      of: ['addSteer'],
      sql: `
  steered as (
    insert into ${s}.steers (run, position, id, command)
    select r.id, (select count(*) + 1 from ${s}.steers t where t.run = r.id), t.id, t.command
    from j, json_to_record(j->'addSteer') as t ("runId" text, id text, command text), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = t."runId")`,
    },
    {
      of: ['settle'],
      sql: `
  settled as (
    update ${s}.steers t set receipt = x.receipt::text
    from j, json_to_record(j->'settle') as x ("runId" text, id text, receipt json), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = x."runId" and t.run = r.id and t.id = x.id and t.receipt is null)`,
    },
    {
      of: ['snapshot'],
      sql: `
  snapshot as (
    insert into ${s}.frames (run, at, next, size, data)
    select r.id, -2, -2, 0, x.text from j, json_to_record(j->'snapshot') as x ("runId" text, text text), ${s}.runs r, c
    where r.chat_id = $1::text and r.run_id = x."runId" and not r.emptied on conflict do nothing)`,
    },
    {
      of: ['claim'],
      sql: `
  claimed as (
    insert into ${s}.claims (chat_id, name, owner, until)
    select $1::text, x.name, x.owner, x.until from j, json_to_record(j->'claim') as x (name text, owner text, until bigint), c where x.name is not null
    on conflict (chat_id, name) do update set owner = excluded.owner, until = excluded.until)`,
    },
  ];

  return (keys) => {
    const isNeeded = ({ of }: Pick<WritePart, 'of'>): boolean => !keys || of.some((kind) => keys.includes(kind));
    const added = parts.filter(isNeeded).map(({ sql }) => `,${sql}`);
    return `
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
    -- A writer that can see that it is too late takes no lock.
    where coalesce((select version from ${s}.chats where chat_id = $1::text), 0) = $2::text::bigint
      and not ${mustWait}
    on conflict (chat_id) do update set version = c.version + 1, turn = greatest(c.turn, excluded.turn),
      deleted_turn = coalesce((select turn from e), c.deleted_turn),
      parked = case when exists (select from e) then '[]' else coalesce((select j->>'parked' from j), c.parked) end
    where c.version = $2::text::bigint
    returning 1),
  left_queue as (delete from ${s}.claims using c where chat_id = $1::text and name = $4::text)${added.join('')}
select json_build_object(${isNeeded(endedBy) ? `'ends', ${ends}, ` : ''}${announced})::text as answer
from c`;
  };
}

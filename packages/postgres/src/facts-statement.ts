import type { Need } from '@chat-transport/core/provider';
import type { PartialStatement } from './statements.ts';

/** How many frames one read looks at. */
const maxFramesPerRead = 2_000;

/** SQL that other statements have as well. */
export interface FactsSql {
  readonly clock: string;
  /** A run's row; `starts` says whether with its start. */
  readonly run: (run: string, starts: string) => string;
  readonly openCommands: (run: string, after: string) => string;
}

/** The statement that reads facts: $1 chat, $2 need, $3 time. */
export function factsStatement(s: string, { clock, run, openCommands }: FactsSql): PartialStatement {
  const parts: Partial<Record<keyof Need, string>> = {
    run: `
  'run', (select ${run('r', 'n.starts')} from r)`,
    newest: `
  'newest', case when n.newest > 0 and news.exist then (
    select json_agg(${run('w', 'n.starts')} order by w.turn desc)
    from (select * from ${s}.runs where chat_id = $1::text order by turn desc limit n.newest) w) end`,
    messagesAfter: `
  'conversation', case when n."messagesAfter" is not null and news.exist then (
    select json_build_object('length', (select coalesce(max(position) + 1, 0) from ${s}.messages where chat_id = $1::text),
      'newer', coalesce(json_agg(m.data order by m.position), '[]'))
    from ${s}.messages m where m.chat_id = $1::text and m.position > coalesce(
      (select max(position) from ${s}.messages where chat_id = $1::text and turn <= n."messagesAfter"
        and n."messagesAfter" <= (select turn from c)), -1)) end`,
    steer: `
  'steer', case when n.steer is not null then (
    select json_build_object('receipt', t.receipt::json) from ${s}.steers t, r where t.run = r.id and t.id = n.steer) end`,
    steerCounts: `
  'steerCounts', case when n."steerCounts" then (
    select json_build_object('all', count(*), 'open', count(*) filter (where receipt is null),
      'openLength', coalesce(sum(length(command)) filter (where receipt is null), 0))
    from ${s}.steers t, r where t.run = r.id) end`,
    openAfter: `
  'openCommands', case when n."openAfter" is not null then (select ${openCommands('r', 'n."openAfter"')} from r) end`,
    lastFrame: `
  'lastFrame', case when n."lastFrame" then (
    select json_build_object('at', f.at, 'next', f.next, 'chunks', f.data)
    from ${s}.frames f, r where f.run = r.id and f.at >= 0 order by f.at desc limit 1) end`,
    frames: `
  'frames', case when n.frames is not null then (
    select json_agg(json_build_object('at', g.at, 'next', g.next,
      'chunks', (select data from ${s}.frames d where d.run = g.run and d.at = g.at)) order by g.at)
    from (
      select f.run, f.at, f.next, sum(f.size) over (order by f.at) as total, row_number() over (order by f.at) as place
      from (select f.run, f.at, f.next, f.size from ${s}.frames f, r
        where f.run = r.id and f.at >= (n.frames->>'from')::bigint order by f.at limit ${maxFramesPerRead}) f) g
    where g.place = 1 or g.total <= (n.frames->>'maxLength')::bigint) end`,
    snapshot: `
  'snapshot', case when n.snapshot then (select f.data from ${s}.frames f, r where f.run = r.id and f.at = -2) end`,
    context: `
  'context', case when n.context then (select f.data from ${s}.frames f, r where f.run = r.id and f.at = -3) end`,
    parked: `
  'parked', case when n.parked then (select parked::json from c) end`,
    claim: `
  'claim', case when n.claim is not null then (
    select json_build_object('owner', owner, 'until', until) from ${s}.claims where chat_id = $1::text and name = n.claim) end,
  'claimCount', case when n.claim is not null then (
    select count(*) from ${s}.claims
    where chat_id = $1::text and left(name, strpos(name, ':')) = left(n.claim, strpos(n.claim, ':')) and until > n.now) end`,
  };
  return (keys = Object.keys(parts)) => {
    const found = Object.entries(parts).filter(([key]) => keys.includes(key));
    return `
with n as materialized (
    select ${clock} as now, need.* from json_to_record($2::text::json) as need (
      run text, steer text, "steerCounts" boolean, "openAfter" bigint, "lastFrame" boolean, frames json, snapshot boolean,
      context boolean, newest bigint, starts boolean, "messagesAfter" bigint, above bigint, parked boolean, claim text)),
  c as materialized (select * from ${s}.chats where chat_id = $1::text),
  news as materialized (select coalesce((select turn from c), 0) > coalesce(n.above, -1) as exist from n),
  r as materialized (select runs.* from ${s}.runs, n where chat_id = $1::text and run_id = n.run)
select json_build_object(
  'now', n.now, 'version', coalesce((select version from c), 0)::text,
  'turn', coalesce((select turn from c), 0), 'deletedTurn', coalesce((select deleted_turn from c), 0)${found.map(([, sql]) => `,${sql}`).join('')}
)::text as answer from n, news`;
  };
}

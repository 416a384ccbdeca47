import { ChatTransportError } from '@chat-transport/core/provider';
import type { PostgresQuery } from '@chat-transport/postgres';

/**
 * SQL that fails where this role may not broadcast: `realtime.send` swallows that error. It inserts a message as `realtime.send` does and rolls it back, so that
 * nobody receives it.
 */
export function sendCheckSql(topicPrefix: string): string {
  const topic = `'${`${topicPrefix}check`.replaceAll("'", "''")}'`;
  return `do $check$ begin
  if not has_function_privilege('realtime.send(jsonb,text,text,boolean)', 'execute') then
    raise insufficient_privilege using message = 'permission denied for function realtime.send';
  end if;
  perform set_config('realtime.topic', ${topic}, true);
  insert into realtime.messages (topic, extension, event, payload, private) values (${topic}, 'broadcast', 'check', '{}', true);
  raise exception using errcode = 'CT000';
exception when sqlstate 'CT000' then null;
end $check$`;
}

/** Runs the check. @throws ChatTransportError `provider-failed`, not retryable, where the role may not broadcast. */
export async function checkSend(query: PostgresQuery, topicPrefix: string): Promise<void> {
  try {
    await query(sendCheckSql(topicPrefix), []);
  } catch (cause) {
    // Class 42: access rules, and what does not exist.
    if (!String((cause as { code?: unknown }).code).match(/^(42|3F)/)) throw cause;
    throw new ChatTransportError({
      code: 'provider-failed',
      message: `This database role may not broadcast (${(cause as Error).message}). Run supabase-policies.sql, and log in as a role that it allows.`,
      retryable: false,
      cause,
    });
  }
}

import { ChatTransportError } from '@chat-transport/core/provider';
import { defaultSchema } from '@chat-transport/postgres';
import { quoted, type RunStatement, type Statements } from '@chat-transport/postgres/store';
import { broadcastingStatements, maxFrameBytesOf } from './broadcasting-statements.ts';
import { defaultTopicPrefix } from './channel-topic.ts';
import type { RealtimePlan, supabasePlans } from './plans.ts';
import { sendCheckSql } from './send-check.ts';

/** Calls one of the project's SQL functions: `(name, parameters) => client.rpc(name, parameters)`, where `client` has the secret key. */
export type CallFunction = (
  name: string,
  parameters: Record<string, string | null>,
) => PromiseLike<{
  readonly data: unknown;
  readonly error: { readonly code?: string; readonly message: string } | null;
  /** Of the HTTP response; 0 or absent without one. */
  readonly status?: number;
}>;

const functionPrefix = 'chat_transport_';

/** What the functions are generated for. The options of `supabase` must be the same. */
export interface FunctionsSqlOptions {
  readonly schema?: string | undefined;
  readonly topicPrefix?: string | undefined;
  readonly plan?: keyof typeof supabasePlans | RealtimePlan | undefined;
}

/**
 * The log's statements as SQL functions in the schema `public`, for servers that reach the database by `rpc` alone. Only `service_role` may call
 * them. Run it after `schema.sql` and `supabase-policies.sql`, and again after an update of this package.
 */
export function functionsSql(options: FunctionsSqlOptions = {}): string {
  const { schema = defaultSchema, topicPrefix = defaultTopicPrefix, plan = 'free' } = options;
  const statements = broadcastingStatements({
    schema,
    topicPrefix,
    maxFrameBytes: maxFrameBytesOf(plan),
    listens: false,
  });
  const s = quoted(schema);
  const functions = Object.entries(statements).map(([name, statement]: [string, Statements[keyof Statements]]) => {
    const text = typeof statement === 'function' ? statement() : statement;
    const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, digits]) => Number(digits)));
    const parameters = Array.from({ length: count }, (_, index) => `p${index + 1} text`).join(', ');
    return created(`${functionPrefix}${name}(${parameters})`, 'setof text language sql', text);
  });
  const check = sendCheckSql(topicPrefix).replace(/^do \$check\$ |\$check\$$/g, '');
  return [
    `grant usage on schema ${s} to service_role;`,
    `grant select, insert, update, delete on all tables in schema ${s} to service_role;`,
    ...functions,
    created(`${functionPrefix}check()`, 'void language plpgsql', check),
  ].join('\n');
}

function created(signature: string, kind: string, body: string): string {
  return `create or replace function public.${signature} returns ${kind} as $function$ ${body} $function$;
revoke all on function public.${signature} from public, anon, authenticated;
grant execute on function public.${signature} to service_role;`;
}

/** Runs the statements by their functions, one call each. */
export function functionStatements(call: CallFunction): RunStatement {
  return async (name, values) => {
    const parameters = Object.fromEntries(values.map((value, index) => [`p${index + 1}`, value]));
    const { data, error } = await call(functionPrefix + name, parameters);
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return Array.isArray(data) && data.length > 0 ? String(data[0]) : undefined;
  };
}

/** @throws ChatTransportError `provider-failed`, not retryable, where the functions are missing, or closed to this key, or their role may not broadcast. */
export async function checkFunctions(call: CallFunction): Promise<void> {
  const { error, status = 0 } = await call(`${functionPrefix}check`, {});
  if (!error) return;
  // A gateway's refusal has no code. Class 42: access rules, and what does not exist. PGRST1 to 3: the request, the schema, the token.
  const isRefused = [401, 403, 404].includes(status) || /^(42|3F|PGRST[123])/.test(error.code ?? '');
  if (!isRefused) throw Object.assign(new Error(error.message), { code: error.code });
  throw new ChatTransportError({
    code: 'provider-failed',
    message: `The project's SQL functions do not work (${error.message}). Run functionsSql() of @chat-transport/supabase, and use the project's secret key.`,
    retryable: false,
    cause: error,
  });
}

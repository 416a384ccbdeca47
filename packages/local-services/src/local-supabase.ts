import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { SignJWT } from 'jose';
import pg from 'pg';
import { forwardUpgrades } from './forward-upgrades.ts';
import { freePort } from './free-port.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { postgresDatabase } from './supabase-realtime/realtime-database.ts';
import {
  type SupabaseRealtime,
  type SupabaseRealtimeOptions,
  startSupabaseRealtime,
} from './supabase-realtime/realtime-server.ts';
import { supabaseSchemaSql } from './supabase-realtime/supabase-schema.ts';

/** How to start a Supabase project. */
export interface LocalSupabaseOptions {
  /** The app's own SQL, run in this order once the project's own schemas are there. */
  readonly sql?: readonly string[];
  /** Settings of its Realtime. */
  readonly realtime?: Partial<Omit<SupabaseRealtimeOptions, 'database' | 'jwtSecret'>>;
}

/** A Supabase project on this machine. */
export interface LocalSupabase {
  /** The project's URL: `/auth/v1`, `/rest/v1` and `/realtime/v1` are behind it. */
  readonly url: string;
  /** The public key, of the role `anon`. */
  readonly anonKey: string;
  /** The secret key, of the role `service_role`. */
  readonly serviceKey: string;
  readonly jwtSecret: string;
  readonly postgres: PostgresServer;
  readonly realtime: SupabaseRealtime;
  /** How long the tokens of Auth are valid from here on, in seconds; 3,600 at first. */
  issueTokensFor(seconds: number): void;
  close(): Promise<void>;
}

const jwtSecret = 'the JWT secret of a project on this machine';
const tokenSeconds = 3_600;

/**
 * Debian's Postgres, `@supabase/lite` for Auth and REST (compatible with GoTrue and PostgREST), and emulated Realtime, behind one address as in a real project.
 * New users need no confirmation of their address.
 */
export async function startLocalSupabase({
  sql = [],
  realtime: settings,
}: LocalSupabaseOptions = {}): Promise<LocalSupabase> {
  // Loaded here: it is large, and most who import this package do not need it.
  const [{ App, getAuthSchemaSql }, { createPostgresConnection }] = await Promise.all([
    import('@supabase/lite'),
    import('@supabase/lite/postgres'),
  ]);
  const postgres = await startPostgres();
  const pool = new pg.Pool({ connectionString: postgres.url, max: 1 });
  for (const text of [supabaseSchemaSql, getAuthSchemaSql(), ...sql]) await pool.query(text);
  await pool.end();
  const database = postgresDatabase(postgres.url);
  const realtime = await startSupabaseRealtime({ ...settings, database, jwtSecret });

  const connection = createPostgresConnection({ url: postgres.url, postgresOptions: { onnotice: () => {} } });
  const open = (seconds: number) =>
    new App({
      connection,
      auth: { enabled: true, jwt_secret: jwtSecret, jwt_expiry: seconds },
      // Keys are tokens that the secret signs, which also Realtime knows.
      options: { server: { apiKeys: false } },
    });
  let app = open(tokenSeconds);

  const port = await freePort();
  const server = createAdaptorServer({
    fetch: async (request: Request) =>
      request.method === 'OPTIONS' ? preflight(request) : readable(await app.fetch(request, { peerAddress: null })),
  }) as Server;
  // Realtime is a server of its own, which may be down while the others work.
  forwardUpgrades(server, { host: '127.0.0.1', port: realtime.port });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });

  const [anonKey, serviceKey] = await Promise.all(['anon', 'service_role'].map(keyOf));
  return {
    url: `http://127.0.0.1:${port}`,
    anonKey: anonKey as string,
    serviceKey: serviceKey as string,
    jwtSecret,
    postgres,
    realtime,
    issueTokensFor(seconds) {
      app = open(seconds);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([realtime.close(), connection.close()]);
      await database.close();
      await postgres.close();
    },
  };
}

/** Lets a page of any origin send what the vendor's client sends, as a project's gateway does. `@supabase/lite` leaves out `authorization`. */
function preflight({ headers }: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
      'access-control-allow-headers': headers.get('access-control-request-headers') ?? '',
    },
  });
}

/** Lets a page of any origin read a response, as a project's gateway does. */
function readable(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('access-control-allow-origin', '*');
  headers.set('access-control-expose-headers', '*');
  return new Response(response.body, { status: response.status, headers });
}

/** A key of the project: a token that does not end while a test runs. */
function keyOf(role: string): Promise<string> {
  return new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setExpirationTime('10y')
    .sign(new TextEncoder().encode(jwtSecret));
}

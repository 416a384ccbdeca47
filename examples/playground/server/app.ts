import type { HttpBindings } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { z } from 'zod';
import { type AccessList, accessKinds } from './access.ts';
import { blockedPaths } from './blocked-paths.ts';
import { modelCalls } from './model/model-calls.ts';
import type { Network } from './network.ts';
import { networkModes, online, pathNames } from './network-state.ts';

const deviceName = z.string().regex(/^[a-z0-9-]{1,40}$/);
const networkRequest = z.object({
  device: deviceName,
  mode: z.enum(networkModes).optional(),
  blocked: z.array(z.enum(pathNames)).optional(),
});
const accessRequest = z.object({ device: deviceName, access: z.enum(accessKinds) });

/** The demo's HTTP side: the page, the chat's API, the switches of the network and of access, and what the tests ask. */
export function createApp(options: {
  readonly chat: (request: Request) => Promise<Response>;
  readonly network: Network;
  readonly access: AccessList;
  /** The folder of the built page. */
  readonly page: string;
}): Hono<{ Bindings: HttpBindings }> {
  const { chat, network, access, page } = options;
  const app = new Hono<{ Bindings: HttpBindings }>();

  // Each tab speaks to the API through a host of its own (network-state.ts), so to the browser this is another origin.
  app.use(
    '*',
    cors({
      origin: (origin, { req }) => (isOwnPage(origin, req.header('host')) ? origin : null),
      exposeHeaders: ['*'],
      maxAge: 7200,
    }),
  );
  app.get('/control/ping', (context) => context.text('playground'));

  app.use('/api/*', blockedPaths(network));
  app.on(['GET', 'POST'], ['/api/chat', '/api/chat/*'], (context) => chat(context.req.raw));

  // A form of another site cannot send JSON: the switches are for this page.
  app.use('/control/*', async ({ req, json }, next) =>
    req.method !== 'POST' || req.header('content-type')?.startsWith('application/json')
      ? next()
      : json({ error: 'Send JSON.' }, 415),
  );
  app.get('/control/network', (context) => context.json(network.state(context.req.query('device') ?? '')));
  app.post('/control/network', async (context) => {
    const request = networkRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) return context.json({ error: z.prettifyError(request.error) }, 400);
    const { device, mode, blocked } = request.data;
    const before = network.state(device);
    network.setState(device, { ...online, ...before, ...(mode && { mode }), ...(blocked && { blocked }) });
    return context.json(network.state(device));
  });
  app.get('/control/access', (context) => context.json({ access: access.access(context.req.query('device') ?? '') }));
  app.post('/control/access', async (context) => {
    const request = accessRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) return context.json({ error: z.prettifyError(request.error) }, 400);
    access.setAccess(request.data.device, request.data.access);
    return context.json({ access: request.data.access });
  });
  app.get('/debug/model-calls', (context) => context.json(modelCalls(context.req.query('chat') ?? '')));

  app.use('*', serveStatic({ root: page }));
  app.get('/about', serveStatic({ root: page, path: 'index.html' }));
  return app;
}

/** Whether `origin` is this demo's page: on this computer, at the port that the request came to. */
export function isOwnPage(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin) || !URL.canParse(`http://${host}`)) return false;
  const { hostname, port } = new URL(origin);
  return ['localhost', '127.0.0.1'].includes(hostname) && port === new URL(`http://${host}`).port;
}

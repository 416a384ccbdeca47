import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import type { Network } from './network.ts';
import { deviceOf } from './network-state.ts';

/** Breaks the paths that are blocked for a request's device, as proxies on the way do. (WebSockets are refused in network.ts.) */
export function blockedPaths(network: Network): MiddlewareHandler<{ Bindings: HttpBindings }> {
  return async (context, next) => {
    const device = deviceOf(context.req.header('host'));
    await next();
    if (device === null || !context.res.headers.get('content-type')?.startsWith('text/event-stream')) return;
    const { blocked } = network.state(device);
    const { body } = context.res;
    if (!body) return;
    if (context.req.method === 'POST' && blocked.includes('response')) {
      context.res = new Response(
        cutBehindHeaders(body, () => context.env.incoming.socket.resetAndDestroy()),
        context.res,
      );
    }
    if (context.req.method === 'GET' && blocked.includes('sse')) {
      context.res = new Response(heldBack(body), context.res);
    }
  };
}

function cutBehindHeaders(body: ReadableStream<Uint8Array>, cut: () => void): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent) return cut();
        sent = true;
        controller.enqueue(new TextEncoder().encode(': \n\n'));
        await body.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Passes a stream on when it has ended, as a proxy that buffers responses does. */
function heldBack(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunks: Uint8Array[] = [];
        for (let result = await reader.read(); !result.done; result = await reader.read()) chunks.push(result.value);
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

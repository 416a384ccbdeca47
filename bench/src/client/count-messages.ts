import { nowMs } from '../clock.ts';

/** Notes what a page receives: WebSocket messages, and events of event streams. */
export interface MessageCounter {
  /** When each message came, on the machine's clock. */
  readonly times: readonly number[];
  readonly webSocket: typeof WebSocket;
  readonly fetch: typeof globalThis.fetch;
}

export function countMessages(): MessageCounter {
  const times: number[] = [];
  const webSocket = class extends WebSocket {
    constructor(...options: ConstructorParameters<typeof WebSocket>) {
      super(...options);
      this.addEventListener('message', () => {
        times.push(nowMs());
      });
    }
  };
  const fetch: typeof globalThis.fetch = async (...request) => {
    const response = await globalThis.fetch(...request);
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
    let last = '';
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(bytes, controller) {
          const text = last + Buffer.from(bytes).toString('latin1');
          for (const _ of text.matchAll(/\n\n/g)) times.push(nowMs());
          last = text.endsWith('\n\n') ? '' : text.slice(-1);
          controller.enqueue(bytes);
        },
      }),
    );
    return new Response(counted, response);
  };
  return { times, webSocket, fetch };
}

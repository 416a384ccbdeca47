import { encodeFrame, readSse } from '@chat-transport/core/provider';
import { nextHeader } from '../wire.ts';
import type { Carrier } from './held-connection.ts';

/** Frames come over a streamed `fetch` response that the proxy holds and appends to: core's event stream of a chat. For pages without WebSockets. */
export const streamCarrier: Carrier = {
  isRepaired: true,
  carriesCommands: false,
  open({ url, fetch: fetchIt = fetch, ...on }) {
    const closing = new AbortController();
    const { signal } = closing;
    const read = async (): Promise<number> => {
      const { status, ok, headers, body } = await fetchIt(url, { headers: { accept: 'text/event-stream' }, signal });
      if (!ok) return status;
      on.onLive();
      const answer = { body, runId: headers.get('x-chat-run-id') ?? '', turn: Number(headers.get('x-chat-turn')) };
      await readSse(answer, Number(headers.get(nextHeader)), false, {
        onFrame: (frame) => void (signal.aborted || on.onMessage(encodeFrame(frame))),
        onBytes: on.onAlive,
        // Core reads it again, and reports why it is no frame.
        onMalformed: (_error, data) => void (signal.aborted || on.onMessage(data)),
      });
      return status;
    };
    const down = (reason: unknown, status?: number): void => void (signal.aborted || on.onDown(reason, status));
    read().then((status) => down(`The stream ended (status ${status}).`, status), down);
    return { send: () => false, close: () => closing.abort() };
  },
};

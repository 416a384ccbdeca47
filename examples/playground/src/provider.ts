import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import type { WireTap } from './inspector/wire-tap.ts';

/** Chooses the realtime provider, browser half. The other half is server/provider.ts: the demo knows it nowhere else. */
export function createTransport(api: string, { fetch, webSocket, onEvent }: WireTap): RealtimeWebSocketTransport {
  return new RealtimeWebSocketTransport({ api, fetch, webSocket, onEvent });
}

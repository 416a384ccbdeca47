import { RealtimeWebSocketTransport } from '@chat-transport/websocket';

/** Chooses the realtime provider, browser half. The other half is server/provider.ts: the demo knows it nowhere else. */
export function createTransport(api: string): RealtimeWebSocketTransport {
  return new RealtimeWebSocketTransport({ api });
}

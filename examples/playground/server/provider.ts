import type { Server } from 'node:http';
import type { RealtimeServer } from '@chat-transport/core/provider';
import { websocketServer } from '@chat-transport/websocket/server';

/** Chooses the realtime provider, server half. The other half is src/provider.ts: the demo knows it nowhere else. */
export function createRealtime(server: Server): RealtimeServer & { close(): Promise<void> } {
  const realtime = websocketServer();
  realtime.attach(server);
  return realtime;
}

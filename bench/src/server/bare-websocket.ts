import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { nowMs } from '../clock.ts';
import type { MakeContestant } from './contestant.ts';

/** What fan-out costs at the least: a loop that sends the same bytes to every `ws` socket. */
export const bareWebSocket: MakeContestant = () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('error', () => {}));
  return {
    servers: [server],
    async broadcast(payloads, intervalMs) {
      const sentAt: number[] = [];
      for (const payload of payloads) {
        await new Promise((resolve) => setTimeout(resolve, intervalMs));
        sentAt.push(nowMs());
        const data = Buffer.from(payload);
        for (const socket of sockets.clients) socket.send(data, { binary: false });
      }
      return sentAt;
    },
  };
};

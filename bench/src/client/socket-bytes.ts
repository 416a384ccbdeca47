import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets: Socket[] = [];

/** Every TCP connection that this process makes, whichever client makes it. */
subscribe('net.client.socket', (message) => {
  sockets.push((message as { socket: Socket }).socket);
});

/** The bytes that have arrived from a port of this machine, headers and framing included. */
export function bytesFrom(port: number): number {
  return sockets.reduce((total, socket) => total + (socket.remotePort === port ? socket.bytesRead : 0), 0);
}

import { connect, createServer, type Server, type Socket } from 'node:net';
import { deviceOf, type NetworkState, online } from './network-state.ts';

/** The demo's network: a TCP proxy in front of the app that cuts the real sockets of one device. */
export interface Network {
  readonly server: Server;
  state(device: string): NetworkState;
  setState(device: string, state: NetworkState): void;
  /** Ends every connection. */
  close(): void;
}

interface Connection {
  readonly client: Socket;
  readonly app: Socket | null;
  readonly device: string | null;
  readonly websocket: boolean;
  held: boolean;
}

const maxHeadBytes = 16_384;

/**
 * Creates the proxy. The first request on a connection tells its device by the `Host` header, and a browser never shares a
 * connection between two hosts: so a whole connection belongs to one device.
 */
export function createNetwork(appPort: () => number): Network {
  const states = new Map<string, NetworkState>();
  const connections = new Set<Connection>();
  const stateOf = (device: string | null): NetworkState => (device === null ? online : (states.get(device) ?? online));

  const server = createServer((client) => {
    client.setNoDelay(true);
    client.on('error', () => client.destroy());
    let head = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes]);
      if (!head.includes('\r\n\r\n') && head.length < maxHeadBytes) return;
      client.off('data', onData);
      client.pause();
      open(client, head);
    };
    client.on('data', onData);
  });

  function open(client: Socket, head: Buffer): void {
    const text = head.toString('latin1');
    const device = deviceOf(/^host:([^\r\n]*)/im.exec(text)?.[1]);
    const websocket = /^upgrade: *websocket/im.test(text);
    const { mode, blocked } = stateOf(device);
    if (mode === 'closed' || (websocket && blocked.includes('websocket'))) {
      client.resetAndDestroy();
      return;
    }
    const app = mode === 'half-open' ? null : connect(appPort(), '127.0.0.1');
    const connection: Connection = { client, app, device, websocket, held: mode === 'half-open' };
    connections.add(connection);
    client.on('close', () => {
      connections.delete(connection);
      app?.destroy();
    });
    if (!app) return;
    app.setNoDelay(true);
    app.on('error', () => app.destroy());
    app.on('close', () => {
      // Nothing passes a black hole, not even the end of a connection.
      if (!connection.held) client.destroy();
    });
    app.write(head);
    client.pipe(app).pipe(client);
  }

  function reset({ client, app }: Connection): void {
    client.resetAndDestroy();
    app?.resetAndDestroy();
  }

  function hold(connection: Connection): void {
    const { client, app } = connection;
    connection.held = true;
    client.unpipe();
    app?.unpipe();
    client.pause();
    app?.pause();
  }

  /** As after a change of network: a connection from before the cut never comes back, and is reset when it speaks. */
  function forget(connection: Connection): void {
    connection.client.once('data', () => reset(connection));
    connection.client.resume();
  }

  return {
    server,
    state: stateOf,
    setState(device, state) {
      const before = stateOf(device).blocked;
      states.set(device, state);
      const added = state.blocked.filter((path) => !before.includes(path));
      for (const connection of connections) {
        if (connection.device !== device) continue;
        // What is open on a path that is blocked from now on must be asked for anew.
        const blocked = added.some((path) => (path === 'websocket') === connection.websocket);
        if (state.mode === 'closed' || blocked) reset(connection);
        else if (state.mode === 'half-open' && !connection.held) hold(connection);
        else if (state.mode === 'online' && connection.held) forget(connection);
      }
    },
    close() {
      server.close();
      for (const connection of connections) reset(connection);
    },
  };
}

import { freePort, type RedisServer, startRedis, until } from '@chat-transport/local-services';
import { createClient } from 'redis';

const slots = 16_384;

/** Three servers that share the slots. */
export interface RedisCluster {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

export async function startCluster(): Promise<RedisCluster> {
  const nodes: Node[] = [];
  const close = async (): Promise<void> => {
    for (const { server } of nodes) await server.close();
  };
  try {
    await start(nodes);
  } catch (error) {
    await close();
    throw error;
  }
  return { urls: nodes.map(({ server }) => server.url), close };
}

interface Node {
  readonly server: RedisServer;
  readonly busPort: number;
}

async function start(nodes: Node[]): Promise<void> {
  for (let index = 0; index < 3; index += 1) {
    const busPort = await freePort();
    const parameters = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`];
    nodes.push({ server: await startRedis({ parameters }), busPort });
  }
  const clients = await Promise.all(nodes.map(({ server }) => createClient({ url: server.url }).connect()));
  for (const [index, client] of clients.entries()) {
    const [first, next] = [index, index + 1].map((part) => Math.ceil((part * slots) / nodes.length));
    await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', `${first}`, `${(next ?? slots) - 1}`]);
    for (const { server, busPort } of nodes) {
      await client.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', `${server.port}`, `${busPort}`]);
    }
  }
  for (const client of clients) {
    let info = '';
    const isReady = async (): Promise<boolean> => {
      info = String(await client.sendCommand(['CLUSTER', 'INFO']));
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
    };
    await until('a cluster that works', isReady, () => info);
    await client.close();
  }
}

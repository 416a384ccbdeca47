import { FaultProxy, type ProviderContract, type ProviderHarness } from '@chat-transport/contract';
import { type PushpinOptions, type PushpinServer, startPushpin } from '@chat-transport/local-services';
import { type Carrier, FanoutChatTransport, streamCarrier, webSocketCarrier } from '../../src/index.ts';
import { type FanoutServerOptions, fanout, fanoutSupports } from '../../src/server.ts';

/** Both carriers, by the names that tests have for them. */
export const carriers: Readonly<Record<CarrierName, Carrier>> = { stream: streamCarrier, websocket: webSocketCarrier };
export type CarrierName = 'stream' | 'websocket';

export const secret = 'a secret of at least thirty-two bytes';

/** A server of this machine, in this process (`http.Server`) or in another. */
interface Origin {
  readonly listening: boolean;
  address(): { readonly port: number } | string | null;
}

/** One Pushpin, in front of whichever chat server runs: the newest that listens. */
export interface PushpinService {
  readonly pushpin: PushpinServer;
  /** The way of publishes, and where they go in: a GRIP URL. */
  readonly publishing: FaultProxy;
  readonly gripUrl: string;
  /** Puts a server behind Pushpin for as long as it listens, also one that was there before. */
  attach(server: Origin): void;
  close(): Promise<void>;
}

export async function startPushpinService(options: PushpinOptions = {}): Promise<PushpinService> {
  const servers: Origin[] = [];
  const origin = await FaultProxy.start(() => {
    const address = servers.findLast(({ listening }) => listening)?.address() as { port: number } | null | undefined;
    // Nothing listens on port 1: the connection is refused.
    return address?.port ?? 1;
  });
  const pushpin = await startPushpin(origin.port, options);
  const publishing = await FaultProxy.start(pushpin.publishPort);
  return {
    pushpin,
    publishing,
    gripUrl: pushpin.gripUrl.replace(String(pushpin.publishPort), String(publishing.port)),
    attach: (server) => void servers.push(server),
    async close() {
      await pushpin.close();
      await publishing.close();
      await origin.close();
    },
  };
}

/** Each case with channels of its own on one Pushpin. */
function createHarness(
  service: PushpinService,
  carrier: CarrierName,
  options: Partial<FanoutServerOptions> = {},
): ProviderHarness {
  const { pushpin } = service;
  const channelPrefix = `${crypto.randomUUID()}-`;
  return {
    servicePort: pushpin.port,
    createServer: () => ({
      realtime: fanout({
        grip: pushpin.gripUrl,
        secret,
        channelPrefix,
        flushIntervalMs: 0,
        keepAliveMs: 1000,
        linkTimeoutMs: 2000,
        ...options,
      }),
      attach: (server) => service.attach(server),
    }),
    createTransport: (transport, { host }) =>
      new FanoutChatTransport({
        ...transport,
        carrier: carriers[carrier],
        deadAfterMs: 2_500,
        url: `http://${host}/api/chat/socket`,
      }),
    async restartService() {
      await pushpin.kill();
      await pushpin.start();
    },
  };
}

/** The contract over one carrier, and one log. Commands go over the WebSocket only. */
export function contractOver(
  carrier: CarrierName,
  service: () => PushpinService,
  log: { readonly name: string; readonly createLog?: ProviderContract['createLog'] } = { name: 'memoryLog' },
): ProviderContract {
  const { ownLog, ordered } = fanoutSupports;
  return {
    name: `fanout over ${carrier} and ${log.name}`,
    supports: { ownLog, ordered, clientCommands: carrier === 'websocket' },
    createHarness: () => createHarness(service(), carrier),
    ...(log.createLog && { createLog: log.createLog }),
  };
}

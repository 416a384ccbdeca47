import { FaultProxy } from '@chat-transport/contract';
import { type PusherApp, startSoketi } from '@chat-transport/local-services';

/** A service that speaks Pusher's protocol and can be restarted. */
export interface PusherService {
  /** Where clients connect; another one after each restart. */
  readonly port: number;
  /** Where servers publish; always the same. */
  readonly apiPort: number;
  /** An app that nobody else has. */
  nextApp(): PusherApp;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts soketi, for as many cases as there are apps. */
export async function startPusherService(apps: number): Promise<PusherService> {
  let current = await startSoketi({ apps });
  const api = await FaultProxy.start(() => current.port);
  let used = 0;
  return {
    get port() {
      return current.port;
    },
    apiPort: api.port,
    nextApp() {
      const app = current.apps[used++];
      if (!app) throw new Error(`The service has ${apps} apps, and one more was asked for.`);
      return app;
    },
    async restart() {
      // The new one is up before the old one goes: a pusher-js whose first attempt fails waits 15 s for the second, and a busy machine takes
      // longer to start soketi than it waits for the first.
      const old = current;
      current = await startSoketi({ apps });
      await old.close();
    },
    async close() {
      await Promise.all([current.close(), api.close()]);
    },
  };
}

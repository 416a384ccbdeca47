/** What a browser needs to know of the Pusher app. `host` and `port` are for a server that speaks Pusher's protocol elsewhere. */
export interface PusherPublic {
  readonly key: string;
  readonly cluster: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** Read when a page is asked for, so that one build runs anywhere. The secret is not in it. */
export function pusherPublic(): PusherPublic {
  const { PUSHER_KEY = '', PUSHER_CLUSTER = 'mt1', PUSHER_HOST, PUSHER_PORT } = process.env;
  return {
    key: PUSHER_KEY,
    cluster: PUSHER_CLUSTER,
    host: PUSHER_HOST,
    port: PUSHER_PORT === undefined ? undefined : Number(PUSHER_PORT),
  };
}

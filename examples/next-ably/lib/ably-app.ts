/** Where the Ably service is, when it is not Ably's own: a server that speaks Ably's protocol. There is no secret in it. */
export interface AblyEndpoint {
  readonly endpoint?: string;
  readonly port?: number;
  readonly tls?: boolean;
  /** Whether the SDK leaves out its request to Ably's own host, by which it tells a network that is away from a service that is. */
  readonly disableConnectivityCheck?: boolean;
}

/** Read when a page is asked for, so that one build runs anywhere. */
export function ablyEndpoint(): AblyEndpoint {
  const { ABLY_ENDPOINT, ABLY_PORT } = process.env;
  if (!ABLY_ENDPOINT) return {};
  return { endpoint: ABLY_ENDPOINT, port: Number(ABLY_PORT ?? 80), tls: false, disableConnectivityCheck: true };
}

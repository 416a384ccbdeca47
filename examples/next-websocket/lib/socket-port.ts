/** The port of the sockets, beside the one of Next.js. Read when it is asked for, so that one build runs anywhere. */
export function socketPort(): number {
  return Number(process.env.SOCKET_PORT ?? 3001);
}

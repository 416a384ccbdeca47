/** The default of `channelPrefix`, on both sides. `private-`: nobody subscribes without the server's signature. */
export const defaultChannelPrefix = 'private-chat-';

/**
 * The event that carries frames. Clients can only trigger events whose name begins with `client-`: a frame is the
 * server's.
 */
export const frameEvent = 'frame';

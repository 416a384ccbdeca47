/**
 * The default of `channelPrefix`, on both sides. What is in front of the colon is the namespace, to which rules of the
 * Ably app apply.
 */
export const defaultChannelPrefix = 'chat:';

/** The name of the messages that carry frames. Others on the same channel are the app's. */
export const frameEvent = 'frame';

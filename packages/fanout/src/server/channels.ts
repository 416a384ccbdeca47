import type { Revocation } from '@chat-transport/core/provider';

/** Where readers of streams hear that they must ask, and everybody that access to the chat was taken back. */
export function controlChannel(channel: string): string {
  return `${channel}.control`;
}

/** Where devices get messages that have no place among the frames, which only a newer server would send. Stock readers do not. */
export function otherChannel(channel: string): string {
  return `${channel}.other`;
}

/** Where the connections of a user hear that access was taken back; without a user, those whose user is not known. */
export function userChannel(channel: string, userId: string | undefined): string {
  return `${channel}.user.${encodeURIComponent(userId ?? '')}`;
}

/** The channels of the connections that a revocation concerns. One whose user is not known may be that user's. */
export function revokedChannels(channel: string, { userId }: Revocation): string[] {
  if (userId === undefined) return [controlChannel(channel)];
  return [userChannel(channel, userId), userChannel(channel, undefined)];
}

/** Default of `topicPrefix`, on both sides and in `supabase-policies.sql`. */
export const defaultTopicPrefix = 'chat:';

/** The event that carries frames. */
export const frameEvent = 'frame';

/** What a broadcast carries: the frame as text, since `jsonb` would change its numbers and the order of its keys. */
export interface FramePayload {
  readonly frame: string;
}

/** Default of `topicPrefix`, on both sides and in `supabase-policies.sql`. */
export const defaultTopicPrefix = 'chat:';

/** The event that carries frames. */
export const frameEvent = 'frame';

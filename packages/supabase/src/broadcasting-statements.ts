import { createStatements, notifySql, type Statements } from '@chat-transport/postgres/store';
import { frameEvent } from './channel-topic.ts';
import { type RealtimePlan, supabasePlans } from './plans.ts';

/** Room for what surrounds a frame in a payload, in bytes: its key, and the id that `realtime.send` adds. */
const payloadEnvelopeBytes = 100;

/** The largest frame that a plan lets through, as the JSON string that it travels as. */
export function maxFrameBytesOf(plan: keyof typeof supabasePlans | RealtimePlan): number {
  const { maxPayloadBytes } = typeof plan === 'object' ? plan : supabasePlans[plan];
  return maxPayloadBytes - payloadEnvelopeBytes;
}

/** The store's statements, with `realtime.send` in those that change what clients see. */
export function broadcastingStatements(options: {
  readonly schema: string;
  readonly topicPrefix: string;
  readonly maxFrameBytes: number;
  readonly listens: boolean;
}): Statements {
  const prefix = `'${options.topicPrefix.replaceAll("'", "''")}'`;
  return createStatements(options.schema, {
    maxFrameBytes: options.maxFrameBytes,
    notify: options.listens ? notifySql : undefined,
    // As a string in the payload: `jsonb` would change the frame's numbers and the order of its keys.
    broadcast: (chatId, frame) =>
      `realtime.send(jsonb_build_object('frame', ${frame}), '${frameEvent}', ${prefix} || ${chatId}, true)`,
  });
}

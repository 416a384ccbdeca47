import type { UIMessage, UIMessageChunk } from 'ai';

/** The wire version that this code speaks. PROTOCOL.md section 2. */
export const wireVersion = 1;

/**
 * Why a run ended. `finish`: the model's stream closed. `cancel`: somebody cancelled, or the stream aborted itself.
 * `error`: the stream failed. `deadline`: the host's time limit came. `lost`: the writer's lease expired.
 */
export type EndReason = 'finish' | 'cancel' | 'error' | 'deadline' | 'lost';

/** Every `EndReason`. */
export const endReasons: readonly EndReason[] = ['finish', 'cancel', 'error', 'deadline', 'lost'];

/** What a run begins with, for devices that did not send it. PROTOCOL.md section 3. */
export interface RunStart {
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** The `clientId` that sent the run; empty for stock clients and for runs that a server started. */
  readonly from: string;
  /** The id of the assistant message that this run writes: the continued message's, else one from the server. */
  readonly messageId: string;
  /** The id of the message in front of `tail`; `null` when the conversation begins with `tail`. */
  readonly before: string | null;
  /** The conversation's end that other devices may lack. A receiver cuts after `before` and appends it. */
  readonly tail: readonly UIMessage[];
}

/**
 * A run's beginning whose `tail` is too large for this service. `before` and `tail` go together: with one alone a receiver
 * would cut in the wrong place. A receiver of this form reads the chat's state.
 */
export interface BareRunStart extends Pick<RunStart, 'trigger' | 'from' | 'messageId'> {
  readonly before?: never;
  readonly tail?: never;
}

interface FrameBase {
  readonly v: typeof wireVersion;
  readonly run: string;
  /** The run's number in its chat, from 1. */
  readonly turn: number;
}

/** A run began. Without `start.tail` the chat's state must be read. */
export interface StartFrame extends FrameBase {
  readonly start: RunStart | BareRunStart;
}

/**
 * The chunks `[at, next)` of a run. With `snapshot`, compacted, only for a reader at position 0: the number of chunks then says
 * nothing about offsets (mostly far fewer; an answered tool call may take more, see `compact`), but there is at least one.
 */
export interface ChunksFrame extends FrameBase {
  readonly at: number;
  readonly next: number;
  readonly chunks: readonly UIMessageChunk[];
  readonly snapshot?: true;
}

/** The chunks `[at, next)` exist but are too large for this service: read them from the log. */
export interface PointerFrame extends FrameBase {
  readonly at: number;
  readonly next: number;
}

/** A run ended; `at` is its number of offsets. With `deleted`, no run did: the chat was deleted, at a turn of its own, and is empty. */
export interface EndFrame extends FrameBase {
  readonly at: number;
  readonly end: { readonly reason: EndReason; readonly deleted?: true };
}

/** One wire message. */
export type Frame = StartFrame | ChunksFrame | PointerFrame | EndFrame;

/** A frame as the log keeps it: raw chunks, `next - at` of them. */
export interface LogFrame {
  readonly at: number;
  readonly next: number;
  readonly chunks: readonly UIMessageChunk[];
}

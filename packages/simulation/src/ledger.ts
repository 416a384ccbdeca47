import type { CommandReceipt, RunRecord } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import type { Script } from './script.ts';

/** What a model has said to one writer of a run. */
export interface Said extends Script {
  readonly attempt: number;
}

/** One send of a user message, as its user saw it. */
export interface Send {
  readonly messageId: string;
  readonly text: string;
  readonly device: string;
  /** `open`: not known, or the tab was gone before it was. `stopped`: before anything had answered; it is sent on, to be recorded as cancelled. */
  state: 'open' | 'accepted' | 'refused' | 'stopped';
  /** The runs that its user had stopped before, and was told that they have ended. */
  readonly stopped: readonly string[];
  /** The run that it met, where the log refused it as busy. */
  met?: string;
}

/** One steer of a run. */
export interface Steer {
  readonly tab: string;
  /** The runs whose model got it, with the writer. */
  readonly takenBy: { readonly runId: string; readonly attempt: number }[];
  /** What its user was told in the end. */
  outcome?: CommandReceipt | Error;
}

/** A tool call that runs only when somebody approves it. */
export interface Approval {
  readonly toolCallId: string;
  readonly task: string;
  /** The tabs on which somebody has answered. */
  readonly answeredBy: Set<string>;
  /** What the log has as the answer. */
  approved?: boolean;
  /** Whether the log has that the approved call runs. */
  isMarked: boolean;
}

/** What has really happened, written down by the parts of the model and not by core. */
export class Ledger {
  /** The runs that the log began, by turn. */
  readonly begun: Map<number, { readonly run: RunRecord; readonly messages: readonly UIMessage[] }> = new Map();
  /** By run: what its models said, in the order of its writers. */
  readonly scripts: Map<string, Said[]> = new Map();
  /** By fence: which of its run's writers shows it. */
  readonly attempts: Map<string, number> = new Map();
  /** By run and offset: the writer that appended there, by its fence. */
  readonly appended: Map<string, Map<number, string>> = new Map();
  /** By task: how often a tool has done it. */
  readonly tasks: Map<string, { readonly runId: string; readonly mayRepeat: boolean; done: number }> = new Map();
  /** By approval: the call that asks for it, and what became of it. */
  readonly approvals: Map<string, Approval> = new Map();
  readonly sends: Map<string, Send> = new Map();
  /** By text. */
  readonly steers: Map<string, Steer> = new Map();
  /** User messages that somebody who saw them cut away by an edit or a regenerate. */
  readonly cut: Set<string> = new Set();
  /** Runs that somebody wanted to end. */
  readonly cancelled: Set<string> = new Set();
  /** Whether somebody wanted to end a run without knowing which. */
  cancelledUnknown = false;
  /** Cancels that a server said were delivered. */
  readonly cancelReceipts: Set<string> = new Set();
  /** By tool call: the tabs that ran it. */
  readonly toolRuns: Map<string, { readonly device: string; readonly tab: string; answered: boolean }[]> = new Map();
  /** By run: the outcomes that `onFinish` was told. */
  readonly finished: Map<string, string[]> = new Map();
  /** The turn of the chat's newest deletion; 0 without one. */
  deletedTurn = 0;
  /** The messages of deleted turns. */
  readonly deletedIds: Set<string> = new Set();
  /** The messages that their users sent again, after a refusal or with a later message: also a deletion does not take them from their devices. */
  readonly resent: Set<string> = new Set();
  /** How many slow uploads arrived whole, and how many broke off. */
  readonly uploads: { arrived: number; broken: number } = { arrived: 0, broken: 0 };
  /** How many models were silent for long. */
  silences = 0;
  /** About when the last long silence of a model is over, on the scheduler's time. */
  silentUntil = 0;
  /** The app's own history, where it keeps one. */
  history: UIMessage[] = [];
  historyTurn = 0;
  /** What must never happen and was seen at once. */
  readonly violations: string[] = [];
  chunks = 0;
  /** How often a model was asked. */
  asked = 0;
  /** How many runs went on with another writer. */
  continued = 0;
}

import type { Server } from 'node:http';
import type { RealtimeChatTransport, RealtimeChatTransportOptions } from '@chat-transport/core';
import type { RealtimeServer, RunLog } from '@chat-transport/core/provider';
import type { ChatHandlerOptions } from '@chat-transport/core/server';
import type { Stage } from './stage.ts';

/** What a provider can do. The suite skips by this and by nothing else. */
export interface ProviderSupports {
  /** The service keeps the log itself. */
  readonly ownLog: boolean;
  /** Stop and steer travel over the service. */
  readonly clientCommands: boolean;
  /** The service delivers in the order in which it was published to. */
  readonly ordered: boolean;
}

/** The provider's server half in one server process. */
export interface ServerHalf {
  readonly realtime: RealtimeServer;
  /** Attaches sockets of the provider's own to the chat server's HTTP server. */
  attach?(server: Server): void;
  /** Releases what this half opened. Called when its server process ends. */
  close?(): Promise<void> | void;
}

/** A device's way to the realtime service. */
export interface RealtimeLink {
  /**
   * `127.0.0.1:<port>`: leads to `servicePort`, or to the chat server where the harness names none. Connect the
   * vendor's client to it.
   */
  readonly host: string;
  /**
   * For services without a connection of their own: calls `listener` at once, and whenever the suite takes the way or
   * gives it back. See `interruptible`.
   */
  onChange(listener: (isUp: boolean) => void): void;
  /**
   * For the same services: hands a message on with `next`, at once or, where the suite swaps messages, behind the one
   * after it.
   */
  deliver(message: string, next: (message: string) => void): void;
}

/** The options that a provider's transport is made with: hand them all to it. */
export type DeviceTransportOptions = Omit<RealtimeChatTransportOptions, 'subscriber'> & { readonly api: string };

/** One service for one case. */
export interface ProviderHarness {
  /**
   * The port of the service itself, where it is not part of the chat server. Read at each connection: it may change.
   */
  readonly servicePort?: number;
  /** Makes the server half; called once per server process, all of them on the one service. */
  createServer(): ServerHalf | Promise<ServerHalf>;
  /**
   * Makes a device's transport as a user would, with the vendor's unmodified client, short heartbeats and no other
   * changes.
   */
  createTransport(options: DeviceTransportOptions, link: RealtimeLink): RealtimeChatTransport;
  /** Stops the service and starts it again, where it is not part of the chat server. */
  restartService?(): Promise<void>;
  /** Ends the service; called after each case, failed ones included. */
  dispose?(): Promise<void> | void;
}

/** A log for one case. */
export interface CaseLog {
  readonly log: RunLog;
  dispose(): Promise<void>;
}

/** What both suites need to know. */
export interface ProviderContract {
  /** The provider's name, as it stands in the report. */
  readonly name: string;
  /** The provider's manifest. */
  readonly supports: ProviderSupports;
  /** Makes a service for one case. */
  createHarness(): ProviderHarness | Promise<ProviderHarness>;
  /** Makes a log for one case. Default: `memoryLog`; where the service keeps the log, that one. */
  readonly createLog?: () => CaseLog | Promise<CaseLog>;
}

/** What a case asks of its server, beside the defaults. */
export type ServerOptions = Partial<Omit<ChatHandlerOptions, 'realtime' | 'log'>>;

/** One thing that a user of every provider would notice. */
export interface ProviderCase {
  /** Stable, for reports. */
  readonly id: string;
  /** What a user would notice. */
  readonly title: string;
  /** Runs only where the provider supports these. */
  readonly requires?: readonly (keyof ProviderSupports)[];
  /** Runs only where the provider does not support these. */
  readonly lacks?: readonly (keyof ProviderSupports)[];
  readonly server?: ServerOptions;
  run(stage: Stage): Promise<void>;
}

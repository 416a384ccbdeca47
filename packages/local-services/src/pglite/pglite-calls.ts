/** What the process asks the thread of a PGlite. */
export type PgliteCall = { readonly id: number } & (
  | {
      readonly type: 'query';
      readonly text: string;
      readonly values: readonly unknown[];
      readonly inTransaction: boolean;
    }
  | { readonly type: 'exec'; readonly sql: string }
  | { readonly type: 'listen'; readonly channel: string; readonly listener: string }
  | { readonly type: 'unlisten'; readonly listener: string }
  /** Opens the one transaction, which `rollback` ends. */
  | { readonly type: 'begin' | 'rollback' | 'close' }
);

/** What the thread answers. */
export type PgliteReply =
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'error'; readonly id: number; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'notice'; readonly listener: string; readonly payload: string };

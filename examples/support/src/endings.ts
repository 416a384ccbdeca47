import type { EndReason } from '@chat-transport/core';

/** What a page shows below an answer that ended so; nothing below a whole one. */
export const endings: Readonly<Record<EndReason, string | undefined>> = {
  finish: undefined,
  cancel: 'Stopped.',
  error: 'Cut short: the model failed.',
  deadline: 'Cut short: the time limit came first.',
  lost: 'Cut short: the server that wrote this answer was lost.',
};

import { ChatTransportError, type EndReason } from '@chat-transport/core';

/** What a page shows below an answer that ended so; nothing below a whole one. */
export const endings: Readonly<Record<EndReason, string | undefined>> = {
  finish: undefined,
  cancel: 'Stopped.',
  error: 'Cut short: the model failed.',
  deadline: 'Cut short: the time limit came first, or the server was shut down.',
  lost: 'Cut short: the server that wrote this answer was lost.',
};

/** Whether an error says only what is written below the newest answer already. */
export function saysEnding(error: unknown, newest: EndReason | undefined): boolean {
  return ChatTransportError.isInstance(error) && error.code === newest;
}

import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { z } from 'zod';
import { respond } from './respond.ts';
import { tools } from './tools.ts';

/** What all processes of the demo answer chats with, so that each can go on with a run of another one. */
export const chatOptions: Pick<
  ChatHandlerOptions,
  'respond' | 'onBusy' | 'onInterrupted' | 'toolBarrier' | 'tools' | 'leaseMs' | 'renewEveryMs'
> = {
  respond,
  onBusy: z.enum(['reject', 'interrupt', 'queue']).default('reject').parse(process.env.ON_BUSY),
  onInterrupted: 'continue',
  toolBarrier: true,
  tools,
  // Shorter than usual: a person waits for it. Renewed often enough for a busy computer.
  leaseMs: 5000,
  renewEveryMs: 1000,
};

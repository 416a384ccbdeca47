import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { deviceOf } from './network-state.ts';

/** What the server lets a device do. `signed-out` is refused with 401, `forbidden` with 403, `read-only` with 403 unless it reads. */
export type Access = 'open' | 'read-only' | 'signed-out' | 'forbidden';

export const accessKinds: readonly Access[] = ['open', 'read-only', 'signed-out', 'forbidden'];

type Authorize = ChatHandlerOptions['authorize'];

/** Who may use the chats. A real app asks its session here; the demo lets everybody in, and lets a tab lose its access. */
export interface AccessList {
  access(device: string): Access;
  /** Whether the device that sends a request may do everything. */
  isOpen(request: Request): boolean;
  /** Changes what a device may do, and ends its open streams and subscriptions when access is taken away. */
  setAccess(device: string, access: Access): void;
  /** The `authorize` of the chat handler. */
  readonly authorize: Authorize;
}

/** @param revoke Takes back the access of a user (here: a device) to one chat. */
export function createAccessList(
  revoke: (revocation: { readonly chatId: string; readonly userId: string }) => void,
): AccessList {
  const devices = new Map<string, { access: Access; readonly chats: Set<string> }>();
  const entry = (device: string): { access: Access; readonly chats: Set<string> } => {
    const known = devices.get(device) ?? { access: 'open' as const, chats: new Set<string>() };
    devices.set(device, known);
    return known;
  };
  const accessOf = (device: string | null): Access => (device !== null && devices.get(device)?.access) || 'open';
  return {
    access: accessOf,
    isOpen: (request) => accessOf(senderOf(request)) === 'open',
    setAccess(device, access) {
      const known = entry(device);
      known.access = access;
      if (access !== 'open') for (const chatId of known.chats) revoke({ chatId, userId: device });
    },
    authorize({ request, chatId, action }) {
      const device = senderOf(request);
      if (device === null) return true;
      const { access, chats } = entry(device);
      chats.add(chatId);
      if (access === 'signed-out') return signedOut();
      const isAllowed = access === 'open' || (access === 'read-only' && action === 'read');
      return isAllowed && { userId: device };
    },
  };
}

function senderOf({ headers }: Request): string | null {
  return deviceOf(headers.get('host') ?? undefined);
}

function signedOut(): Response {
  const error = { code: 'unauthorized', message: 'You are signed out. Sign in to use this chat.' };
  return Response.json({ error }, { status: 401 });
}

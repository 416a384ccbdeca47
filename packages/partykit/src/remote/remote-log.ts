import {
  type Begun,
  longestClaimMs,
  type RunKey,
  type RunLog,
  type RunRecord,
  type WaitOptions,
} from '@chat-transport/core/provider';
import type { LogCall } from '../socket-wire.ts';
import { ChatLink, failed, type LinkOptions } from './chat-link.ts';
import type { PartykitServerOptions } from './partykit-server.ts';
import { UnsavedRuns } from './unsaved-runs.ts';

/** How long `close` waits for what is under way, in milliseconds. */
const closeTimeoutMs = 2_000;

/** The log of every chat in its own object, over one socket per chat that is in use. */
export function remoteLog(options: LinkOptions, listChats: NonNullable<PartykitServerOptions['listChats']>): RunLog {
  const links = new Map<string, ChatLink>();
  const unsaved = new UnsavedRuns();
  const prefix = crypto.randomUUID();
  let calls = 0;
  let closing: Promise<void> | undefined;

  const linkTo = (chatId: string): ChatLink => {
    const existing = links.get(chatId);
    if (existing) return existing;
    const link = new ChatLink(chatId, options, () => {
      links.delete(chatId);
      link.close();
    });
    links.set(chatId, link);
    return link;
  };
  // Every call may be repeated, so what a lost socket leaves open is asked again.
  const call = async <T>(
    chatId: string,
    name: LogCall,
    args: readonly unknown[],
    wait: WaitOptions = {},
  ): Promise<T> => {
    if (closing) throw failed('The log of partykitServer is closed.', false);
    calls += 1;
    return (await linkTo(chatId).call(`${prefix}-${calls}`, name, args, wait)) as T;
  };
  const waiting = <T>(chatId: string, name: LogCall, args: readonly unknown[], wait: WaitOptions): Promise<T> => {
    const { signal, ...rest } = wait;
    return call(chatId, name, [...args, rest], wait);
  };

  return {
    name: 'partykit',
    begin(run) {
      linkTo(run.chatId).expectLease(run.leaseMs);
      const begun = call<Begun>(run.chatId, 'begin', [run]);
      // A run whose answer is lost may have begun.
      const remember = (type?: Begun['type']): void => {
        if (!type || type === 'started' || type === 'cancelled') unsaved.add(idsOf(run));
      };
      void begun.then(
        ({ type }) => remember(type),
        () => remember(),
      );
      return begun;
    },
    append: (run, fence, frame, cursor = 0) => call(run.chatId, 'append', [idsOf(run), fence, frame, cursor]),
    renew: (run, fence, cursor = 0) => call(run.chatId, 'renew', [idsOf(run), fence, cursor]),
    settle: (run, fence, id, receipt) => call(run.chatId, 'settle', [idsOf(run), fence, id, receipt]),
    waitForCommand: (run, fence, wait) => waiting(run.chatId, 'waitForCommand', [idsOf(run), fence], wait),
    takeOver: (run, request) => call(run.chatId, 'takeOver', [idsOf(run), request]),
    release: (run, fence) => call(run.chatId, 'release', [idsOf(run), fence]),
    end: (run, fence, end) => call(run.chatId, 'end', [idsOf(run), fence, end]),
    read: (run, wait) => waiting(run.chatId, 'read', [idsOf(run)], wait),
    state: (chatId, wait = {}) => waiting(chatId, 'state', [chatId], wait),
    command: (run, message) => call(run.chatId, 'command', [idsOf(run), message]),
    receipt: (run, id, wait = {}) => waiting(run.chatId, 'receipt', [idsOf(run), id], wait),
    saveSnapshot: (run, text) => call(run.chatId, 'saveSnapshot', [idsOf(run), text]),
    // JSON has no `undefined`.
    snapshot: async (run) => (await call<string | null | undefined>(run.chatId, 'snapshot', [idsOf(run)])) ?? undefined,
    deleteChat: (chatId) => call(chatId, 'deleteChat', [chatId]),
    revoke: (chatId, revocation) => call(chatId, 'revoke', [chatId, revocation]),
    revocations: (chatId, wait = {}) => waiting(chatId, 'revocations', [chatId], wait),
    async claim(chatId, name, owner, ttlMs) {
      const isMine = await call<boolean>(chatId, 'claim', [chatId, name, owner, ttlMs]);
      // This claim lasts once the run is over and saved.
      if (isMine && ttlMs === longestClaimMs) unsaved.delete({ chatId, runId: name.replace('finish:', '') });
      return isMine;
    },
    async unfinished(limit) {
      const found: RunRecord[] = [];
      for (const chatId of new Set([...unsaved.chats(), ...(await listChats())])) {
        if (found.length >= limit) break;
        found.push(...(await call<RunRecord[]>(chatId, 'unfinished', [limit - found.length])));
      }
      return found;
    },
    close() {
      closing ??= finishAll(links.values());
      return closing;
    },
  };
}

/** Closes every link, once what is under way was answered. */
async function finishAll(links: Iterable<ChatLink>): Promise<void> {
  const open = [...links];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeTimeoutMs);
  });
  await Promise.race([Promise.all(open.map((link) => link.finish())), late]);
  clearTimeout(timer);
  for (const link of open) link.close();
}

/** A run's record may be its key; the object needs the ids alone. */
function idsOf({ chatId, runId }: RunKey): RunKey {
  return { chatId, runId };
}

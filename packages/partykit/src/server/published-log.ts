import {
  deletionFrame,
  type Frame,
  type Revocation,
  type RunKey,
  type RunLog,
  type RunRecord,
  wireVersion,
} from '@chat-transport/core/provider';

/** A log whose calls also publish: each frame right behind the write that makes it true. */
export function publishedLog(
  log: RunLog,
  publish: (key: RunKey, frame: Frame) => void,
  turnOf: (key: RunKey) => number,
  onRevoked: (revocation: Revocation) => void,
): RunLog {
  const tellStart = (run: RunRecord): void =>
    publish(run, { v: wireVersion, run: run.runId, turn: run.turn, start: run.start });
  const tellEnd = ({ chatId, runId, turn, next, end }: RunRecord): void => {
    if (end) publish({ chatId, runId }, { v: wireVersion, run: runId, turn, at: next, end });
  };
  return {
    ...log,
    async begin(init) {
      const begun = await log.begin(init);
      if (begun.type !== 'started' && begun.type !== 'cancelled') return begun;
      tellStart(begun.run);
      tellEnd(begun.run);
      return begun;
    },
    async append(key, fence, frame, cursor) {
      const news = await log.append(key, fence, frame, cursor);
      if (!news.end && !news.superseded) publish(key, { v: wireVersion, run: key.runId, turn: turnOf(key), ...frame });
      return news;
    },
    async takeOver(key, request) {
      const taken = await log.takeOver(key, request);
      if (taken.type === 'exhausted') tellEnd(taken.run);
      return taken;
    },
    async end(key, fence, end) {
      const run = await log.end(key, fence, end);
      tellEnd(run);
      return run;
    },
    async deleteChat(chatId) {
      const deleted = await log.deleteChat(chatId);
      if (deleted.ended) tellEnd(deleted.ended);
      if (deleted.turn > 0) publish({ chatId, runId: '' }, deletionFrame(deleted.turn));
      return deleted;
    },
    async revoke(chatId, revocation) {
      await log.revoke(chatId, revocation);
      onRevoked({ chatId, userId: revocation.userId });
    },
    async command(key, command) {
      const receipt = await log.command(key, command);
      if (command.type === 'cancel' && receipt.outcome === 'delivered') {
        const { runs } = await log.state(key.chatId);
        for (const run of runs) if (run.runId === key.runId) tellEnd(run);
      }
      return receipt;
    },
  };
}

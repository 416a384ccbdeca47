/** A break of core that the simulation must find. */
export interface Mutant {
  readonly id: string;
  /** Below `packages/core/src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Each one is a fault that somebody could make. */
export const mutants: readonly Mutant[] = [
  {
    id: 'delivers-across-a-gap',
    file: 'client/sequencer.ts',
    find: 'this.#held.set(at, frame);',
    replace: 'this.#held.set(this.position, { ...frame, at: this.position });',
  },
  {
    id: 'ends-in-front-of-a-gap',
    file: 'client/sequencer.ts',
    find: 'this.#end && this.position >= this.#end.at ?',
    replace: 'this.#end ?',
  },
  {
    id: 'never-notes-what-is-missing',
    file: 'client/sequencer.ts',
    find: 'this.#known = Math.max(this.#known, next);',
    replace: '',
  },
  {
    id: 'appends-behind-a-stale-fence',
    file: 'log/memory-store.ts',
    find: 'run.row.fence !== fence || run.row.end || run.row.leaseUntil <= time',
    replace: 'run.row.fence !== fence || run.row.leaseUntil <= time',
  },
  {
    id: 'never-loses-a-run',
    file: 'log/run-row.ts',
    find: "return now >= lostAt ? { reason: 'lost', at: lostAt } : undefined;",
    replace: 'return undefined;',
  },
  {
    id: 'forgets-a-retried-send',
    file: 'log/decide-begin.ts',
    find: "if (known) return { type: isSameCall(init, known, now) ? 'again' : 'exists', row: known };",
    replace: '',
  },
  {
    id: 'takes-stale-sends',
    file: 'log/decide-begin.ts',
    find: "if (init.baseTurn !== undefined && init.baseTurn < turn) return { type: 'stale', turn };",
    replace: '',
  },
  {
    id: 'skips-a-turn',
    file: 'log/decide-begin.ts',
    find: 'turn: turn + 1,',
    replace: 'turn: turn + 2,',
  },
  {
    id: 'forgets-parked-cancels',
    file: 'log/decide-begin.ts',
    find: 'const cancelled = facts.parkedCancels.length > 0;',
    replace: 'const cancelled = false;',
  },
  {
    id: 'loses-the-last-frame',
    file: 'server/run/run-writer.ts',
    find: 'if (dueAt === Number.POSITIVE_INFINITY) {',
    replace: 'if (dueAt === Number.POSITIVE_INFINITY || closing) {',
  },
  {
    id: 'publishes-and-does-not-append',
    file: 'log/memory-store.ts',
    find: 'if (frame) run.frames.push(frame);',
    replace: 'if (frame && frame.at !== 1) run.frames.push(frame);',
  },
  {
    id: 'every-device-runs-client-tools',
    file: 'client/tool-owner.ts',
    find: '=== transport.clientId;',
    replace: '!== undefined;',
  },
  {
    id: 'runs-a-call-at-each-replay',
    file: 'client/page-calls.ts',
    find: 'if (await other) return false;',
    replace: 'break;',
  },
  {
    id: 'forgets-new-messages',
    file: 'server/conversation/history.ts',
    find: "return [...head, ...fresh.filter((message) => message.role === 'user' && !head.some(({ id }) => id === message.id))];",
    replace: 'return [...head, ...fresh.slice(fresh.length)];',
  },
  {
    id: 'trusts-a-view-that-lost-a-turn',
    file: 'client/ledger/shown.ts',
    find: 'if (isNext) return',
    replace: 'return',
  },
  {
    id: 'takes-an-older-state',
    file: 'client/ledger/server-side.ts',
    find: 'const isOld = isContradiction && request?.hasNews !== false;',
    replace: 'const isOld = false;',
  },
  {
    id: 'never-calls-on-finish',
    file: 'server/run/finish.ts',
    find: 'await onFinish({',
    replace: 'void ({',
  },
  {
    id: 'does-not-renew-its-lease',
    file: 'log/memory-store.ts',
    find: 'leaseUntil: time + run.row.leaseMs };',
    replace: 'leaseUntil: frame ? time + run.row.leaseMs : run.row.leaseUntil };',
  },
  {
    id: 'replays-without-earlier-parts',
    file: 'server/run/run-snapshot.ts',
    find: 'withEarlierParts ? sseGroup(earlierParts(whole))',
    replace: 'withEarlierParts && !whole ? sseGroup(earlierParts(whole))',
  },
  {
    id: 'keeps-its-subscription-when-closed',
    file: 'client/realtime-link.ts',
    find: 'this.#subscription?.abort();',
    replace: '',
  },
  {
    id: 'promises-every-steer',
    file: 'server/run/steers.ts',
    find: "{ outcome: 'not-delivered' as const, reason: outcome.reason }",
    replace: "{ outcome: 'delivered' as const }",
  },
  {
    id: 'runs-tools-before-their-call-is-logged',
    file: 'server/run/tool-barrier.ts',
    find: 'if (this.#logged.has(toolCallId)) return',
    replace: 'return',
  },
  {
    id: 'runs-an-approved-call-before-its-mark',
    file: 'server/run/run-writer.ts',
    find: 'await this.#barrier.passed(toolCallId);',
    replace: 'if (!mark) await this.#barrier.passed(toolCallId);',
  },
  {
    id: 'asks-the-model-while-approvals-are-open',
    file: 'server/run/begin-run.ts',
    find: 'const isIncomplete = request.ifComplete === true &&',
    replace: 'const isIncomplete = false &&',
  },
  {
    id: 'gives-up-moving-uploads',
    file: 'client/persist.ts',
    find: 'limitMs + uploadMs);',
    replace: 'limitMs);',
  },
  {
    id: 'resets-a-step-with-calls',
    file: 'server/run/plan-continuation.ts',
    find: 'if (openStepAt !== undefined && complete.length === 0) {',
    replace: 'if (openStepAt !== undefined) {',
  },
  {
    id: 'begins-a-continued-message-again',
    file: 'server/run/rejoin-stream.ts',
    find: "if (chunk.type === 'start' && dropStart) {",
    replace: "if (chunk.type === 'start' && !dropStart) {",
  },
  {
    id: 'begins-a-step-that-runs-again-twice',
    file: 'server/run/rejoin-stream.ts',
    find: 'let isStepDue = dropStartStep;',
    replace: 'let isStepDue = false;',
  },
  {
    id: 'shows-the-next-model-only-the-history',
    file: 'server/run/rejoin-stream.ts',
    find: 'if (seen === undefined) return',
    replace: 'return',
  },
  {
    id: 'never-runs-a-retry-tool-again',
    file: 'server/run/run-writer.ts',
    find: 'runAgain(again, running)',
    replace: 'runAgain(again.slice(again.length), running)',
  },
  {
    id: 'takes-a-superseded-run-for-lost',
    file: 'server/run/run-task.ts',
    find: "if (stopped === 'superseded' ||",
    replace: "if (stopped === 'superseded') await finisher.finish(run, 'lost');\n  if (stopped === 'superseded' ||",
  },
  {
    id: 'lets-strangers-in',
    file: 'server/http/authorize.ts',
    find: "throw new ChatTransportError({ code: 'forbidden', message: refusals[action] });",
    replace: 'return {};',
  },
  {
    id: 'goes-on-streaming-to-a-revoked-user',
    file: 'server/http/live-access.ts',
    find: 'for (const watch of [...(this.#chats.get(chatId) ?? [])]) {',
    replace: 'for (const watch of []) {',
  },
  {
    id: 'deletes-without-a-turn',
    file: 'log/store-deletion.ts',
    find: 'const erase = { turn: turn + 1 };',
    replace: 'const erase = { turn };',
  },
  {
    id: 'sends-in-front-of-its-cancel',
    file: 'client/send-run.ts',
    find: 'const cancelled = session.commands.settled();',
    replace: 'const cancelled = Promise.resolve();',
  },
  {
    id: 'believes-a-clock-that-is-set',
    file: 'client/page-clock.ts',
    find: 'pageTime += Math.min(Math.max(now - last, 0), maxStepMs);',
    replace: 'pageTime += now - last;',
  },
];

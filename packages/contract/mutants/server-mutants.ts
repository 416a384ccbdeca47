import type { Mutant } from './mutant.ts';

const folder = 'packages/core/src/server';

/** Servers that break a promise. */
export const serverMutants: readonly Mutant[] = [
  {
    id: 'server-drops-the-last-chunk',
    file: `${folder}/run/run-writer.ts`,
    find: 'this.#take(chunk);\n      if',
    replace: "if (chunk.type !== 'finish') this.#take(chunk);\n      if",
    killedBy: 'chunks/every-type',
  },
  {
    id: 'server-lets-a-stopped-model-talk',
    file: `${folder}/run/run-writer.ts`,
    find: 'if (!this.#abort.signal.aborted) this.#abort.abort(reason);',
    replace: '',
    killedBy: 'cancel/stops-the-model',
  },
  {
    id: 'server-hears-no-cancel-from-elsewhere',
    file: `${folder}/run/run-task.ts`,
    find: 'if (news.end) stopNow();',
    replace: 'if (news.end) return;',
    killedBy: 'cancel/another-process',
  },
  {
    id: 'server-hears-no-steer-from-elsewhere',
    file: `${folder}/run/steers.ts`,
    find: 'for (const command of commands) void this.takeOne(command);',
    replace: 'void commands;',
    killedBy: 'steer/another-process',
  },
  {
    id: 'server-reads-the-model-without-limit',
    file: `${folder}/run/run-writer.ts`,
    find: 'while (this.#coalescer.isFull && !this.#isOver)',
    replace: 'while (this.#coalescer.isFull && this.#isOver)',
    killedBy: 'slow/log',
  },
  {
    id: 'server-never-renews-its-lease',
    file: `${folder}/run/run-watch.ts`,
    find: "void guard();\n  void repeat('renew', renew, renewEveryMs);",
    replace: 'void [guard, renew, renewEveryMs];',
    killedBy: 'slow/silence',
  },
  {
    id: 'server-is-busy-with-a-failed-answer',
    file: `${folder}/run/begin-run.ts`,
    find: "return chunks.at(-1)?.type === 'error';",
    replace: 'return chunks.length < 0;',
    killedBy: 'honest/fail-then-send',
  },
  {
    id: 'server-ignores-its-deadline',
    file: `${folder}/run/run-task.ts`,
    find: 'clock.setTimeout(stopInTime, deadlineMs)',
    replace: 'undefined',
    killedBy: 'server/deadline',
  },
  {
    id: 'server-lets-everybody-in',
    file: `${folder}/http/authorize.ts`,
    find: 'if (result === true) return {};',
    replace: 'if (!(result instanceof Object)) return {};',
    killedBy: 'credential/missing',
  },
  {
    id: 'server-lets-everybody-read',
    file: `${folder}/http/route-stream.ts`,
    find: "await context.allow(request, chatId, 'read');",
    replace: '{};',
    killedBy: 'credential/expired',
  },
  {
    id: 'server-lets-everybody-command',
    file: `${folder}/http/route-command.ts`,
    find: "await context.allow(request, chatId, 'command')",
    replace: '{}',
    killedBy: 'credential/other-chat',
  },
  {
    id: 'server-saves-no-lost-answer',
    file: `${folder}/run/finish.ts`,
    find: "void finish(run, 'lost');",
    replace: '',
    killedBy: 'server/lost-writer',
  },
  {
    id: 'server-replays-without-earlier-parts',
    file: `${folder}/run/run-snapshot.ts`,
    find: 'withEarlierParts ? sseGroup(earlierParts(whole))',
    replace: 'withEarlierParts && !whole ? sseGroup(earlierParts(whole))',
    killedBy: 'reload/continuation',
  },
  {
    id: 'server-replays-chunk-by-chunk',
    file: `${folder}/run/run-snapshot.ts`,
    find: 'const compacted = compact(closed);',
    replace: 'const compacted = compact([]);',
    killedBy: 'reload/compacted',
  },
  {
    id: 'server-tells-secrets',
    file: `${folder}/run/run-writer.ts`,
    find: 'return this.#engine.options.onError(error);',
    replace: 'return String(error);',
    killedBy: 'chunks/failure',
  },
  {
    id: 'server-starts-without-a-log',
    file: `${folder}/options.ts`,
    find: 'if (!log)\n',
    replace: 'if (!options)\n',
    killedBy: 'supports/no-own-log',
  },
  {
    id: 'server-fails-with-its-service',
    file: `${folder}/run/run-writer.ts`,
    find: 'publisher.publish(chatId, { v: wireVersion, run: runId, turn, ...frame });',
    replace: `const told = { v: wireVersion, run: runId, turn, ...frame };
    const { realtime } = options;
    const failed = await realtime?.publish(realtime.channelName(chatId), JSON.stringify(told), over).then(() => false, () => true);
    if (failed) this.stop('abandoned');
    void publisher;`,
    killedBy: 'gap/publish-fails',
  },
  {
    id: 'server-drops-large-chunks',
    file: `${folder}/run/run-writer.ts`,
    find: 'if (!chunk) return this.#endModel',
    replace: 'if (JSON.stringify(chunk ?? 0).length > 5000) continue;\n      if (!chunk) return this.#endModel',
    killedBy: 'size/11kb',
  },
  {
    id: 'server-drops-what-it-does-not-know',
    file: `${folder}/run/run-writer.ts`,
    find: 'if (!chunk) return this.#endModel',
    replace: "if (chunk?.type.startsWith('from-the-')) continue;\n      if (!chunk) return this.#endModel",
    killedBy: 'chunks/unknown',
  },
  {
    id: 'server-stops-with-its-reader',
    file: `${folder}/http/route-send.ts`,
    find: 'const { run } = outcome as { run: RunRecord };',
    replace: `const { run } = outcome as { run: RunRecord };
  request.signal.addEventListener('abort', () => void engine.options.log.command(run, { id: 'gone', type: 'cancel' }));`,
    killedBy: 'reload/closed-tab',
  },
  {
    id: 'server-does-not-interrupt',
    file: `${folder}/run/begin-run.ts`,
    find: "if (onBusy === 'interrupt') {",
    replace: "if (onBusy === 'interrupt') return outcome;\n      if (!onBusy) {",
    killedBy: 'send/busy-interrupt',
  },
  {
    id: 'server-does-not-queue',
    file: `${folder}/run/begin-run.ts`,
    find: 'leaveQueue ??= await enterQueue(engine, send);\n      if (!leaveQueue) return outcome;',
    replace: 'if (outcome) return outcome;',
    killedBy: 'send/busy-queue',
  },
  {
    id: 'server-leaves-without-a-word',
    file: `${folder}/create-chat-runtime.ts`,
    find: 'for (const run of live.values()) run.onShutdown();',
    replace: '',
    killedBy: 'server/deploy',
  },
  {
    id: 'server-knows-no-idle-chat',
    file: `${folder}/http/route-stream.ts`,
    find: 'status: 204,',
    replace: 'status: 404,',
    killedBy: 'reload/nothing',
  },
  {
    id: 'server-gives-messages-no-id',
    file: `${folder}/run/model-stream.ts`,
    find: "if (chunk.type === 'start') return first({ ...chunk, messageId });",
    replace: "if (chunk.type === 'start') return first(chunk);",
    killedBy: 'delivery/answer',
  },
  {
    id: 'server-waits-for-its-service',
    file: `${folder}/run/run-writer.ts`,
    find: 'this.#live.push(frame, bytes);',
    replace: `const { realtime } = options;
    await realtime?.publish(realtime.channelName(chatId), '{}', over, 'x').catch(() => new Promise(() => {}));
    this.#live.push(frame, bytes);`,
    killedBy: 'publish/refused',
  },
  {
    id: 'server-merges-nothing',
    file: 'packages/core/src/wire/channel-message.ts',
    find: 'let count = mergeableCount(frames);',
    replace: 'let count = Math.min(1, mergeableCount(frames));',
    killedBy: 'publish/merged',
  },
  {
    id: 'server-gives-ids-that-services-refuse',
    file: 'packages/core/src/wire/channel-message.ts',
    find: 'const id =',
    replace: "const id = ':' +",
    killedBy: 'publish/ids',
  },
  {
    id: 'server-goes-on-without-all-answers',
    file: 'packages/core/src/server/run/begin-run.ts',
    find: 'request.ifComplete === true && continued',
    replace: 'request.ifComplete === undefined && continued',
    killedBy: 'devices/answers-apart',
  },
  {
    id: 'server-runs-tools-before-the-log-knows',
    file: `${folder}/run/run-writer.ts`,
    find: 'await this.#barrier.passed(toolCallId);',
    replace: '',
    killedBy: 'hand-over/tools-once',
  },
  {
    id: 'server-takes-an-old-call-for-a-new-one',
    file: `${folder}/run/run-writer.ts`,
    find: 'for (const chunk of resumed?.chunks ?? []) this.#calls.see(chunk);',
    replace:
      'for (const chunk of resumed?.chunks ?? []) this.#calls.see(chunk);\n    this.#barrier.logged(resumed?.chunks ?? []);',
    killedBy: 'hand-over/repeated-call-id',
  },
  {
    id: 'server-starts-a-message-twice',
    file: `${folder}/run/rejoin-stream.ts`,
    find: "if (chunk.type === 'start' && dropStart) {",
    replace: "if (chunk.type === 'start' && dropStart && dropStartStep === undefined) {",
    killedBy: 'hand-over/killed',
  },
  {
    id: 'server-begins-a-step-twice',
    file: `${folder}/run/rejoin-stream.ts`,
    find: 'let isStepDue = dropStartStep;',
    replace: 'let isStepDue = dropStartStep && !dropStart;',
    killedBy: 'hand-over/killed',
  },
  {
    id: 'server-takes-back-a-step-with-calls',
    file: `${folder}/run/plan-continuation.ts`,
    find: 'if (openStepAt !== undefined && complete.length === 0) {',
    replace: 'if (openStepAt !== undefined) {',
    killedBy: 'hand-over/unknown-effect',
  },
  {
    id: 'server-reads-a-run-before-it-takes-it-over',
    file: `${folder}/run/continuations.ts`,
    find: 'const fence = crypto.randomUUID();',
    replace: `const fence = crypto.randomUUID();
  const early = (await log.read(key, { from: 0 })).frames.flatMap((frame) => [...frame.chunks]);
  const chunksOf = async (..._: unknown[]) => early;`,
    killedBy: 'hand-over/late-words',
  },
  {
    id: 'server-takes-its-successor-for-the-end',
    file: `${folder}/run/run-task.ts`,
    find: "if (stopped === 'superseded' || (mayGoOn",
    replace: `if (stopped === 'superseded') {
    publisher.publish(run.chatId, endFrameOf({ ...run, end: { reason: 'lost' } }));
    await finisher.finish({ ...run, end: { reason: 'lost' } }, 'lost', messages);
  }
  if (stopped === 'superseded' || (mayGoOn`,
    killedBy: 'hand-over/superseded',
  },
];

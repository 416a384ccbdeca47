import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessageChunk } from 'ai';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { syncChat } from '../../src/index.ts';
import { informed, never, nonces, quickTimings, texts, until, World } from '../support/world.ts';

const inStep = (...chats: { messages: readonly import('ai').UIMessage[] }[]) => {
  for (const chat of chats.slice(1)) {
    expect(texts(chat)).toEqual(texts(chats[0] as never));
    expect(nonces(chat)).toEqual(nonces(chats[0] as never));
  }
};

for (const realtime of [true, false]) {
  describe(`two devices ${realtime ? 'over realtime' : 'without realtime'}`, () => {
    it('show the same question and the same answer, live', async () => {
      const world = new World();
      const a = world.device({ realtime }).synced('c');
      const b = world.device({ realtime }).synced('c');
      void a.sendMessage({ text: 'hi' });
      const call = await world.model.call();
      call.say('one ');
      await until(
        () => texts(b).at(-1)?.includes('one') && b.status === 'streaming',
        () => [texts(b), b.status],
      );
      expect(texts(b)).toEqual(['user: hi', 'assistant: one ']);
      call.say('two');
      call.finish();
      await until(
        () => a.status === 'ready' && b.status === 'ready',
        () => [a.status, b.status],
      );
      inStep(a, b);
      // The other way round, in the same chat.
      void b.sendMessage({ text: 'and?' });
      const second = await world.model.call(1);
      second.say('more');
      second.finish();
      await until(
        () => texts(a).length === 4 && a.status === 'ready' && b.status === 'ready',
        () => [texts(a), texts(b)],
      );
      inStep(a, b);
      expect(texts(a)).toEqual(['user: hi', 'assistant: one two', 'user: and?', 'assistant: more']);
      expect(world.model.calls).toHaveLength(2);
    });

    it('stop what the other one started', async () => {
      const world = new World();
      const a = world.device({ realtime }).synced('c');
      const other = world.device({ realtime });
      const b = other.synced('c');
      void a.sendMessage({ text: 'hi' });
      const call = await world.model.call();
      call.say('one ');
      await until(
        () => texts(b).at(-1)?.includes('one'),
        () => texts(b),
      );
      await other.transport.cancel({ chatId: 'c' });
      await until(() => call.signal.aborted);
      await until(
        () => a.status === 'ready' && b.status === 'ready',
        () => [a.status, b.status],
      );
      inStep(a, b);
      await until(() => world.finished.length === 1);
      expect(world.finished[0]?.outcome).toBe('cancel');
    });

    it('joins late and shows the whole conversation', async () => {
      const world = new World();
      const a = world.device({ realtime }).synced('c');
      for (const [index, text] of ['first', 'second'].entries()) {
        void a.sendMessage({ text });
        const call = await world.model.call(index);
        call.say(`to ${text}`);
        call.finish();
        await until(
          () => texts(a).length === 2 * index + 2 && a.status === 'ready',
          () => texts(a),
        );
      }
      void a.sendMessage({ text: 'third' });
      const call = await world.model.call(2);
      call.say('still ');
      await until(() => texts(a).at(-1)?.includes('still'));
      const late = world.device({ realtime }).synced('c');
      await until(
        () => texts(late).at(-1)?.includes('still') && late.status === 'streaming',
        () => [texts(late), late.status],
      );
      call.say('going');
      call.finish();
      await until(() => late.status === 'ready' && a.status === 'ready');
      inStep(a, late);
      expect(texts(late)).toHaveLength(6);
    });

    it('follow a regenerate and an edit', async () => {
      const world = new World();
      const a = world.device({ realtime }).synced('c');
      const b = world.device({ realtime }).synced('c');
      void a.sendMessage({ text: 'hi' });
      const first = await world.model.call();
      first.say('bad');
      first.finish();
      await until(
        () => a.status === 'ready' && b.status === 'ready' && texts(b).length === 2,
        () => texts(b),
      );
      void b.regenerate();
      const second = await world.model.call(1);
      second.say('better');
      second.finish();
      await until(
        () => texts(a).at(-1) === 'assistant: better' && a.status === 'ready' && b.status === 'ready',
        () => texts(a),
      );
      inStep(a, b);
      const messageId = a.messages[0]?.id as string;
      void a.sendMessage({ text: 'hello', messageId });
      const third = await world.model.call(2);
      third.say('good');
      third.finish();
      await until(
        () => texts(b).at(-1) === 'assistant: good' && a.status === 'ready' && b.status === 'ready',
        () => texts(b),
      );
      expect(texts(b)).toEqual(['user: hello', 'assistant: good']);
      inStep(a, b);
    });
  });
}

describe('nobody’s message is lost', () => {
  it('when a device that was offline for a turn sends', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const away = world.device();
    const b = away.synced('c');
    await until(() => away.path('c') === 'realtime');
    away.cut();
    void a.sendMessage({ text: 'while you were away' });
    const first = await world.model.call();
    first.say('answer');
    first.finish();
    await until(() => a.status === 'ready' && texts(a).length === 2);
    // The device sends in the moment that its network is back, before it has heard anything.
    away.network.http = 'up';
    void b.sendMessage({ text: 'mine' });
    const second = await world.model.call(1);
    expect(second.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    away.setRealtime(true);
    second.say('both');
    second.finish();
    await until(
      () => a.status === 'ready' && b.status === 'ready' && texts(a).length === 4 && texts(b).length === 4,
      () => [texts(a), texts(b)],
    );
    expect(texts(b)).toEqual(['user: while you were away', 'assistant: answer', 'user: mine', 'assistant: both']);
    inStep(a, b);
  });

  it('when two devices send in the same instant', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const b = world.device().synced('c');
    await until(() => world.service.listeners.size === 2);
    void a.sendMessage({ text: 'from a' });
    void b.sendMessage({ text: 'from b' });
    const call = await world.model.call();
    call.say('answer');
    // Both stream the answer; the refused message is behind it, on its own device alone.
    await until(
      () => texts(a).length + texts(b).length === 5 && a.status === 'streaming' && b.status === 'streaming',
      () => [texts(a), texts(b)],
    );
    const [winner, loser, own] = texts(a).length === 3 ? [b, a, 'from a'] : [a, b, 'from b'];
    call.finish();
    await until(
      () => winner.status === 'ready' && texts(loser).some((text) => text === 'assistant: answer'),
      () => texts(loser),
    );
    // The refused message keeps its place and its error, though the other's answer was streamed meanwhile.
    await until(
      () => loser.status === 'error',
      () => loser.status,
    );
    expect(loser.error).toMatchObject({ code: 'busy' });
    expect(texts(loser).at(-1)).toBe(`user: ${own}`);
    // Sent again, it is answered; nothing is there twice.
    void loser.regenerate();
    const second = await world.model.call(1);
    second.say('to you too');
    second.finish();
    await until(
      () => texts(winner).length === 4 && winner.status === 'ready' && loser.status === 'ready',
      () => [texts(winner), texts(loser)],
    );
    inStep(winner, loser);
    expect(new Set(texts(winner)).size).toBe(4);
  });

  it('when a turn was missed over realtime', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const deaf = world.device();
    const b = deaf.synced('c');
    await until(() => deaf.path('c') === 'realtime');
    deaf.network.drop = () => true;
    void a.sendMessage({ text: 'one' });
    const first = await world.model.call();
    first.finish();
    await until(() => a.status === 'ready');
    deaf.network.drop = () => false;
    void a.sendMessage({ text: 'two' });
    const second = await world.model.call(1);
    second.say('heard');
    second.finish();
    await until(
      () => texts(b).at(-1) === 'assistant: heard' && b.status === 'ready',
      () => texts(b),
    );
    inStep(a, b);
  });
});

describe('client tools', () => {
  const tool = (call: Awaited<ReturnType<World['model']['call']>>) => {
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
  };

  it('run on the device that sent the run, and on no other', async () => {
    const world = new World();
    const onA = vi.fn();
    const onB = vi.fn();
    const a = world.device().synced('c', { onToolCall: onA });
    const b = world.device().synced('c', { onToolCall: onB });
    void a.sendMessage({ text: 'hi' });
    tool(await world.model.call());
    await until(
      () => onA.mock.calls.length === 1 && a.status === 'ready' && b.status === 'ready' && b.messages.length === 2,
      () => [onA.mock.calls, b.messages],
    );
    expect(onB).not.toHaveBeenCalled();
    expect(b.lastMessage?.parts.at(-1)).toMatchObject({ type: 'tool-where', state: 'input-available' });
  });

  it('continue in one run that every device shows, with the tool’s output', async () => {
    const world = new World();
    const sendAutomaticallyWhen = ({ messages }: { messages: import('ai').UIMessage[] }) => {
      const last = messages.at(-1)?.parts.at(-1);
      return last?.type === 'tool-where' && (last as { state: string }).state === 'output-available';
    };
    const a = world.device().synced('c', {
      sendAutomaticallyWhen,
      onToolCall: ({ toolCall }) =>
        void a.addToolOutput({ tool: 'where', toolCallId: toolCall.toolCallId, output: 'here' }),
    });
    const b = world.device().synced('c', { sendAutomaticallyWhen });
    void a.sendMessage({ text: 'hi' });
    tool(await world.model.call());
    const second = await world.model.call(1);
    second.say('you are here');
    second.finish();
    await until(
      () => texts(b).at(-1)?.includes('you are here') && b.status === 'ready' && a.status === 'ready',
      () => [texts(a), texts(b)],
    );
    expect(a.messages).toHaveLength(2);
    expect(JSON.parse(JSON.stringify(b.messages))).toEqual(JSON.parse(JSON.stringify(a.messages)));
    expect(world.model.calls).toHaveLength(2);
  });

  it('keep a plain page that resumed as it sent busy for as long as one runs', async () => {
    const world = new World();
    const device = world.device();
    let answer = (): void => {};
    const hasRun = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const chat = device.chat('c', { onToolCall: () => hasRun });
    const resumed = chat.resumeStream();
    void chat.sendMessage({ text: 'hi' });
    tool(await world.model.call());
    const session = device.transport.session('c');
    await until(() => session.readers.length === 0);
    // Whatever the end of the answer has led to has happened by now.
    await session.ask();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(chat.status).toBe('streaming');
    answer();
    await resumed;
    expect(chat.status).toBe('ready');
  });

  it.each([
    ['before', false],
    ['behind', true],
  ])(
    'keep a page that resumed as it sent busy in what follows, where the tool runs %s the end of the answer',
    async (_, late) => {
      const world = new World();
      const device = world.device();
      let answerClaim = (): void => {};
      const isOver = new Promise<void>((resolve) => {
        answerClaim = resolve;
      });
      device.network.intercept = ({ url }, forward) =>
        late && url.includes('/command') ? isOver.then(forward) : undefined;
      const chat = device.synced('c', {
        sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
        onToolCall: ({ toolCall }) =>
          void chat.addToolOutput({ tool: 'where', toolCallId: toolCall.toolCallId, output: 'here' }),
      });
      await until(() => informed(device, 0));
      const statuses: string[] = [];
      chat['~registerStatusCallback'](() => void statuses.push(chat.status));
      const resumed = chat.resumeStream();
      void chat.sendMessage({ text: 'hi' });
      const first = await world.model.call();
      if (late) tool(first);
      else first.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
      await until(() => (late ? chat.status === 'ready' : JSON.stringify(chat.messages).includes('"output":"here"')));
      if (late) await resumed;
      else first.finish();
      answerClaim();
      const second = await world.model.call(1);
      second.say('you are ');
      await until(() => texts(chat).at(-1)?.includes('you are'));
      second.say('here');
      second.finish();
      await resumed;
      await until(() => chat.status === 'ready');
      const once = ['submitted', 'streaming', 'ready'];
      expect(statuses).toEqual([...once, ...once]);
      expect(texts(chat).at(-1)).toContain('you are here');
    },
  );

  it('of the next run stay with its sender, though this device answered an older call when it had heard of that run', async () => {
    const world = new World();
    const [onA, onB] = [vi.fn(), vi.fn()];
    const device = world.device();
    const a = device.synced('c', { onToolCall: onA });
    const sender = world.device();
    const b = sender.synced('c', { onToolCall: onB });
    await until(() => device.path('c') === 'realtime');
    void a.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    await until(() => onA.mock.calls.length === 1);
    // From here on it hears of turns only, and not of the end of its own.
    device.network.drop = (data) => !data.includes('"start":{');
    device.network.intercept = (request) => (request.url.includes('/stream') ? never(request) : undefined);
    device.network.block('response');
    call.finish();
    await until(() => sender.transport.session('c').ledger.server.endedTurn === 1);
    await until(() => b.status === 'ready' && b.messages.length === 2);
    void b.sendMessage({ text: 'next' });
    const next = await world.model.call(1);
    await until(() => device.transport.session('c').ledger.server.start?.turn === 2);
    expect(a.messages).toHaveLength(2);
    await a.addToolOutput({ tool: 'where', toolCallId: 'call-1', output: 'here' });
    device.network.drop = () => false;
    device.network.intercept = () => undefined;
    device.network.blocked.clear();
    // The sender is slow to claim its call.
    let claim = () => {};
    const held = new Promise<void>((resolve) => {
      claim = resolve;
    });
    sender.network.intercept = (request, forward) =>
      request.url.includes('/command') ? held.then(forward) : undefined;
    next.push({ type: 'tool-input-available', toolCallId: 'call-2', toolName: 'where', input: {} });
    next.finish();
    await until(
      () => a.status === 'ready' && a.messages.length === 4,
      () => [a.status, texts(a)],
    );
    claim();
    await until(() => onB.mock.calls.length === 1);
    expect(onA.mock.calls.map(([{ toolCall }]) => toolCall.toolCallId)).toEqual(['call-1']);
  });

  it('show the whole call to a page that had kept only its beginning, though nothing of the continuation has come', async () => {
    let calls = 0;
    const world = new World({
      respond: () =>
        new ReadableStream<UIMessageChunk>({
          start: (controller) => {
            if (calls++ > 0) return;
            controller.enqueue({ type: 'start' });
            controller.enqueue({ type: 'start-step' });
            controller.enqueue({ type: 'text-start', id: '0' });
            controller.enqueue({ type: 'text-delta', id: '0', delta: 'Let me see.' });
            controller.enqueue({ type: 'text-end', id: '0' });
            controller.enqueue({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
            controller.enqueue({ type: 'finish' });
            controller.close();
          },
        }),
    });
    const other = world.device();
    const a = other.synced('c', { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls });
    void a.sendMessage({ text: 'hi' });
    await until(() => a.status === 'ready' && a.messages.length === 2);
    const beginning = structuredClone(a.messages);
    beginning[1]?.parts.pop();
    await a.addToolOutput({ tool: 'where', toolCallId: 'call-1', output: 'here' });
    await until(() => informed(other, 2));
    const device = world.device();
    // The state comes when the chat already waits for the stream.
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    device.network.intercept = (request, forward) => (request.url.endsWith('/c') ? held.then(forward) : undefined);
    const b = device.chat('c', { messages: beginning });
    void b.resumeStream();
    onTestFinished(syncChat(b, device.transport));
    await until(() => b.status === 'submitted');
    answer();
    await until(() => informed(device, 2));
    await other.transport.cancel({ chatId: 'c' });
    await until(
      () => b.status === 'ready' && a.status === 'ready',
      () => [a.status, b.status],
    );
    expect(b.messages).toEqual(a.messages);
    expect(b.lastMessage?.parts.at(-1)).toMatchObject({ type: 'tool-where', state: 'output-available' });
  });

  it('are taken over by another device with a claim, which only one gets', async () => {
    const world = new World();
    const devices = [world.device(), world.device()] as const;
    void world.device().synced('c').sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    await until(async () => JSON.stringify((await world.handler.runtime.state('c')).messages).includes('call-1'));
    const claims = await Promise.all(
      devices.map(({ transport }) => transport.claimToolCall({ chatId: 'c', toolCallId: 'call-1' })),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    const again = await Promise.all(
      devices.map(({ transport }) => transport.claimToolCall({ chatId: 'c', toolCallId: 'call-1' })),
    );
    expect(again).toEqual(claims);
    call.finish();
  });
});

describe('steer', () => {
  it('is reported as not delivered when the run takes no steering', async () => {
    const world = new World();
    const device = world.device();
    void device.synced('c').sendMessage({ text: 'hi' });
    const call = await world.model.call();
    const steered = device.transport.steer({ chatId: 'c', text: 'shorter' });
    await until(() => device.network.requests.some((request) => request.includes('/command')));
    call.finish();
    expect(await steered).toMatchObject({ outcome: 'not-delivered' });
  });

  it('is reported as ended when no run is active', async () => {
    const device = new World().device();
    expect(await device.transport.steer({ chatId: 'c', text: 'x' })).toEqual({
      outcome: 'not-delivered',
      reason: 'ended',
    });
  });
});

describe('a plain useChat without syncChat', () => {
  it('that was reloaded may regenerate the answer that it resumed', async () => {
    const world = new World();
    const a = world.device().chat('c');
    void a.sendMessage({ text: 'hi' });
    const first = await world.model.call();
    first.say('bad');
    await until(() => texts(a).at(-1)?.includes('bad'));
    const reloaded = world.device().chat('c', { messages: a.messages.slice(0, 1) });
    const resumed = reloaded.resumeStream();
    await until(
      () => texts(reloaded).length === 2,
      () => texts(reloaded),
    );
    first.finish();
    await resumed;
    const again = reloaded.regenerate();
    const second = await world.model.call(1);
    second.say('good');
    second.finish();
    await again;
    expect(reloaded.error).toBeUndefined();
    expect(texts(reloaded)).toEqual(['user: hi', 'assistant: good']);
  });

  it('cannot cut what another device wrote', async () => {
    const world = new World();
    const plain = world.device().chat('c');
    const sent = plain.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await sent;
    const other = world.device().synced('c');
    await until(() => texts(other).length === 2);
    const more = other.sendMessage({ text: 'and?' });
    (await world.model.call(1)).finish();
    await more;
    await plain.regenerate();
    expect(plain.error).toMatchObject({ code: 'stale' });
    expect(texts(other)).toHaveLength(4);
    expect(world.model.calls).toHaveLength(2);
  });
});

describe('an approval', () => {
  it('that is given on another device goes on there, and everybody shows it', async () => {
    const world = new World();
    const sendAutomaticallyWhen = ({ messages }: { messages: import('ai').UIMessage[] }) =>
      messages.at(-1)?.parts.some((part) => 'state' in part && part.state === 'approval-responded') ?? false;
    const a = world.device().synced('c', { sendAutomaticallyWhen });
    const b = world.device().synced('c', { sendAutomaticallyWhen });
    void a.sendMessage({ text: 'launch' });
    const first = await world.model.call();
    first.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'launch', input: {} });
    first.push({ type: 'tool-approval-request', approvalId: 'approval-1', toolCallId: 'call-1' });
    first.finish();
    await until(() => a.status === 'ready' && b.status === 'ready' && b.messages.length === 2);
    void b.addToolApprovalResponse({ id: 'approval-1', approved: true });
    const second = await world.model.call(1);
    second.push({ type: 'tool-output-available', toolCallId: 'call-1', output: 'up' });
    second.say('launched');
    second.finish();
    await until(
      () => [a, b].every((chat) => chat.status === 'ready' && texts(chat).at(-1)?.includes('launched')),
      () => [texts(a), texts(b)],
    );
    expect(world.model.calls).toHaveLength(2);
  });
});

describe('a long time without network', () => {
  for (const ended of [false, true]) {
    it(`is made up for when it is back, where the answer has ${ended ? 'ended' : 'not ended'} meanwhile`, async () => {
      const world = new World();
      const device = world.device({ timings: { ...quickTimings, giveUpAfterMs: 300 } });
      const chat = device.synced('c');
      void chat.sendMessage({ text: 'hi' });
      const call = await world.model.call();
      call.say('before ');
      await until(() => texts(chat).at(-1)?.includes('before'));
      device.cut();
      await until(() => chat.status === 'error');
      expect(chat.error).toBeInstanceOf(TypeError);
      call.say('after');
      if (ended) call.finish();
      if (ended) await until(() => world.finished.length === 1);
      device.restore();
      await until(
        () => texts(chat).at(-1)?.includes('after'),
        () => [texts(chat), chat.status],
      );
      if (!ended) call.finish();
      await until(() => chat.status === 'ready');
      expect(texts(chat)).toEqual(['user: hi', 'assistant: before after']);
      expect(nonces(chat)).toEqual([call.nonce]);
      expect(world.model.calls).toHaveLength(1);
    });
  }
});

describe('two parts of a page that synchronize one chat', () => {
  it.each(['first', 'second'] as const)('can end it in any order: the %s one first', async (which) => {
    const world = new World();
    const device = world.device();
    const ran: string[] = [];
    const chat = device.chat('c', {
      onToolCall: ({ toolCall }) => void ran.push(toolCall.toolCallId),
      sendAutomaticallyWhen: () => false,
    });
    const names = ['onToolCall', 'sendAutomaticallyWhen', 'addToolOutput', 'addToolApprovalResponse'] as const;
    const members = () => names.map((name) => (chat as unknown as Record<string, unknown>)[name]);
    const before = members();
    const ends = [syncChat(chat, device.transport), syncChat(chat, device.transport)];
    if (which === 'second') ends.reverse();
    ends[0]?.();
    // One is left: the chat still shows what another device does, and runs a client tool once.
    const other = world.device().synced('c');
    void other.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await until(() => chat.messages.length === 2 && chat.status === 'ready');
    void chat.sendMessage({ text: 'where?' });
    const call = await world.model.call(1);
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => chat.status === 'ready' && ran.length > 0);
    expect(ran).toEqual(['call-1']);
    for (const end of [...ends, ...ends]) end();
    expect(members()).toEqual(before);
    // None is left: the chat stays as it is.
    void other.sendMessage({ text: 'once more' });
    (await world.model.call(2)).finish();
    await until(() => other.messages.length === 6 && other.status === 'ready');
    expect(chat.messages).toHaveLength(4);
  });

  it('leave a client tool to one device, though the last one ends it while the answer streams', async () => {
    const world = new World();
    const ran: string[] = [];
    const [a, b] = ['a', 'b'].map((name) => {
      const device = world.device();
      const chat = device.chat('c', { onToolCall: () => void ran.push(name) });
      return { chat, end: syncChat(chat, device.transport) };
    });
    void a?.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('let me see ');
    await until(() => b?.chat.status === 'streaming');
    b?.end();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => [a, b].every((each) => each?.chat.status === 'ready') && ran.length > 0);
    expect(ran).toEqual(['a']);
  });
});

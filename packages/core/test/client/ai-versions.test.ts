import * as newest from 'ai';
import * as lowest from 'ai-lowest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { syncChat } from '../../src/index.ts';
import { type Device, until, World } from '../support/world.ts';

/*
 * An app may have its own copy of `ai`, older than the one that the transport imports: the packages for Vue and Svelte pin theirs. `syncChat` uses some
 * members of a chat that the AI SDK does not document; these tests hold each version to them.
 */
const versions = [
  ['lowest', lowest as unknown as typeof newest],
  ['newest', newest],
] as const;

describe.each(versions)('with the %s version of the AI SDK', (_, ai) => {
  /** A chat of this version, kept in step with its other devices. */
  function open(device: Device, init: newest.ChatInit<newest.UIMessage> = {}): newest.AbstractChat<newest.UIMessage> {
    class PlainChat extends ai.AbstractChat<newest.UIMessage> {
      constructor() {
        super({
          id: 'c',
          transport: device.transport,
          ...init,
          state: {
            status: 'ready' as newest.ChatStatus,
            error: undefined,
            messages: [] as newest.UIMessage[],
            pushMessage(message) {
              this.messages = [...this.messages, message];
            },
            popMessage() {
              this.messages = this.messages.slice(0, -1);
            },
            replaceMessage(index, message) {
              this.messages = this.messages.with(index, message);
            },
            snapshot: (value) => structuredClone(value),
          },
        });
      }
    }
    const chat = new PlainChat();
    onTestFinished(syncChat(chat, device.transport));
    return chat;
  }
  const textOf = ({ messages }: { readonly messages: readonly newest.UIMessage[] }): string[] =>
    messages.map(
      ({ role, parts }) => `${role}: ${parts.flatMap((part) => (part.type === 'text' ? part.text : [])).join('')}`,
    );

  it('a chat has the members that are used, and they can be replaced', () => {
    const chat = open(new World().device(), { onToolCall: () => {}, sendAutomaticallyWhen: () => false });
    const members = chat as unknown as Record<string, unknown>;
    for (const name of [
      'setStatus',
      'makeRequest',
      'clearError',
      'onToolCall',
      'sendAutomaticallyWhen',
      'addToolOutput',
    ])
      expect(members[name], name).toBeTypeOf('function');
  });

  it('two devices show the same conversation, and a stop of the other one', async () => {
    const world = new World();
    const [a, b] = [open(world.device()), open(world.device())];
    void a.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(
      () => b.status === 'streaming' && textOf(b).at(-1) === 'assistant: one ',
      () => textOf(b),
    );
    await b.stop();
    await until(
      () => a.status === 'ready' && b.status === 'ready',
      () => [a.status, b.status],
    );
    expect(textOf(a)).toEqual(['user: hi', 'assistant: one ']);
    expect(textOf(b)).toEqual(textOf(a));
  });

  it('a client tool runs once, on the device that sent, and its chat goes on by itself', async () => {
    const world = new World();
    const ran: string[] = [];
    const withTool = (name: string): newest.AbstractChat<newest.UIMessage> => {
      const chat = open(world.device(), {
        sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
        onToolCall: ({ toolCall }) => {
          ran.push(name);
          void chat.addToolOutput({ tool: 'clock', toolCallId: toolCall.toolCallId, output: 'noon' });
        },
      });
      return chat;
    };
    const [a, b] = [withTool('a'), withTool('b')];
    void a.sendMessage({ text: 'time?' });
    const first = await world.model.call();
    first.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'clock', input: {} });
    first.finish();
    const second = await world.model.call(1);
    second.say('noon');
    second.finish();
    await until(
      () => textOf(b).at(-1) === 'assistant: noon' && a.status === 'ready',
      () => [textOf(a), textOf(b)],
    );
    expect(ran).toEqual(['a']);
  });

  it('a refused send shows its error, until the user acts', async () => {
    const device = new World({ authorize: ({ action }) => action === 'read' }).device();
    const chat = open(device);
    await chat.sendMessage({ text: 'hi' });
    await until(
      () => chat.status === 'error',
      () => chat.status,
    );
    expect(chat.error).toMatchObject({ code: 'forbidden', message: 'You may not write in this chat.' });
  });

  it('a refused output of a tool keeps its error while another device’s answer streams, and is sent again behind it', async () => {
    const world = new World();
    const device = world.device();
    const { lastAssistantMessageIsCompleteWithToolCalls: sendAutomaticallyWhen } = ai;
    const chat = open(device, { sendAutomaticallyWhen });
    const other = open(world.device());
    void chat.sendMessage({ text: 'where?' });
    const first = await world.model.call();
    first.push({ type: 'tool-input-available', toolCallId: 'call', toolName: 'where', input: {} });
    first.finish();
    await until(() => [chat, other].every(({ status, messages }) => status === 'ready' && messages.length === 2));
    device.network.intercept = ({ method }) =>
      method === 'POST' ? Promise.resolve(new Response('No.', { status: 403 })) : undefined;
    await chat.addToolOutput({ tool: 'where', toolCallId: 'call', output: 'here' });
    await until(() => chat.error?.message === 'No.');
    void other.sendMessage({ text: 'theirs' });
    const second = await world.model.call(1);
    second.say('words');
    await until(() => chat.status === 'streaming' && textOf(chat).at(-1)?.includes('words'));
    expect(chat.error?.message).toBe('No.');
    second.finish();
    await until(() => chat.status === 'error' && other.status === 'ready');
    device.network.intercept = () => undefined;
    void syncChat(chat, device.transport).resend(chat.messages[1]?.id as string);
    const third = await world.model.call(2);
    third.say('you are here');
    third.finish();
    const shown = ['user: where?', 'assistant: you are here', 'user: theirs', 'assistant: words'];
    await until(
      () => [chat, other].every((each) => each.status === 'ready' && textOf(each).join() === shown.join()),
      () => [textOf(chat), textOf(other)],
    );
  });
});

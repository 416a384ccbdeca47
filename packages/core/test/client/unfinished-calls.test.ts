import type { Chat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { until, World } from '../support/world.ts';

const toolsOf = (chat: Chat<UIMessage>) =>
  (chat.messages.at(-1)?.parts ?? []).flatMap((part) =>
    'toolCallId' in part ? [{ call: part.toolCallId, state: part.state, error: part.errorText }] : [],
  );

describe('a stop while a tool works', () => {
  it('leaves the same closed call on the device that stopped, on one that watched, and after a reload', async () => {
    const world = new World();
    const [sender, watcher, polling] = [world.device(), world.device(), world.device({ realtime: false })];
    const chat = sender.synced('c');
    const others = [watcher.synced('c'), polling.synced('c')];
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'search', input: { q: 'x' } });
    for (const each of [chat, ...others])
      await until(
        () => toolsOf(each).length === 1,
        () => each.messages,
      );
    await chat.stop();
    const closed = [{ call: 't', state: 'output-error', error: 'The run ended before this tool call was finished.' }];
    for (const each of [chat, ...others]) {
      await until(
        () => toolsOf(each)[0]?.state === 'output-error',
        () => each.messages,
      );
      expect(toolsOf(each)).toEqual(closed);
    }
    const reloaded = world.device().synced('c');
    await until(
      () => toolsOf(reloaded).length === 1,
      () => reloaded.messages,
    );
    expect(toolsOf(reloaded)).toEqual(closed);
  });
});

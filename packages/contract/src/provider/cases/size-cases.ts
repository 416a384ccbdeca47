import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';

const sizes = [
  ['11 KB', 11_000],
  ['70 KB', 70_000],
  ['1 MB', 1_000_000],
  ['5 MB', 5_000_000],
] as const;

/** Tool outputs that are larger than what services carry. */
export const sizeCases: readonly ProviderCase[] = sizes.map(([name, length]) => ({
  id: `size/${name.replace(' ', '').toLowerCase()}`,
  title: `shows a tool output of ${name} on the device that asked and on another one`,
  run: (stage: Stage) => shows(stage, length),
}));

async function shows(stage: Stage, length: number): Promise<void> {
  const watching = await stage.device();
  const other = watching.synced('c');
  await watching.reaches('c', 'realtime');
  const { device, chat, call, done } = await stage.sent();
  await device.reaches('c', 'realtime');
  call.say('look ');
  await stage.shows(chat, 'look');
  device.http.reset();
  // Two bytes each in UTF-8, so that a limit in bytes is not taken for one in characters.
  const output = { text: 'ä'.repeat(length / 2) };
  call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'dump', input: {} });
  call.push({ type: 'tool-output-available', toolCallId: 't', output });
  call.paragraph();
  call.say('after it');
  await stage.shows(chat, 'after it');
  await stage.shows(other, 'after it');
  call.finish();
  await done;
  await until(
    'an idle device',
    () => other.isIdle,
    () => other.status,
  );
  for (const each of [chat, other]) {
    const part = each.messages[1]?.parts.find(({ type }) => type === 'tool-dump');
    expect((part as { output?: unknown } | undefined)?.output === undefined).toBe(false);
    expect((part as { output: { text: string } }).output.text === output.text).toBe(true);
  }
  stage.expectInStep(chat, other);
}

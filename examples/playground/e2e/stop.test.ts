import { describe, expect, test } from 'vitest';
import type { Device } from './device.ts';
import { type Stage, setStage } from './stage.ts';

/** Waits until no device has a send or an answer under way. */
async function settled(...devices: readonly Device[]): Promise<void> {
  for (const { page } of devices) {
    await expect.poll(() => page.getByTestId('status').textContent(), { timeout: 20_000 }).toMatch(/ready|error/);
    await page.getByText('Sending…').waitFor({ state: 'detached' });
  }
}

const textsOf = async (device: Device): Promise<string[]> =>
  (await device.messages()).filter(({ role }) => role === 'user').map(({ text }) => text);

const activeRun = async ({ server }: Stage, chatId: string): Promise<unknown> =>
  ((await (await fetch(`${server.url}/api/chat/${chatId}`)).json()) as { active?: unknown }).active;

describe.each(['reject', 'interrupt', 'queue'])(
  'a stop in the moment of the send, where a busy chat would %s',
  (onBusy) => {
    const stage = setStage({ ON_BUSY: onBusy });

    test('loses no question, ends its answer everywhere, and the next question is answered', async () => {
      const chatId = stage.chatId();
      const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
      const question = 'Tell me a story /tokens 3000 /rate 50';
      await asking.sendAndStop(question);
      await settled(asking);
      // Either the log has it, or it is marked.
      await expect
        .poll(async () => [...(await asking.marks()), ...(await textsOf(watching))], { timeout: 20_000 })
        .toSatisfy((seen: string[]) => seen.includes(question) || seen.some((mark) => mark.startsWith('Not sent.')));
      expect(await textsOf(asking)).toEqual([question]);
      await asking.page.reload();
      await expect.poll(() => textsOf(asking), { timeout: 20_000 }).toEqual([question]);
      await settled(asking, watching);
      await asking.send('And now? /rate 300');
      await watching.readsText('And now?');
      await expect.poll(() => textsOf(watching)).toContain('And now? /rate 300');
      await settled(asking, watching);
      expect(await textsOf(asking)).toEqual(expect.arrayContaining([question, 'And now? /rate 300']));
      expect(await activeRun(stage, chatId)).toBeUndefined();
    });

    test('by three devices at once loses none of three questions, also over a reload', async () => {
      const chatId = stage.chatId();
      const devices = await Promise.all([stage.open(chatId), stage.open(chatId), stage.open(chatId)]);
      const questions = devices.map((_, index) => `Question ${index + 1} /tokens 3000 /rate 50`);
      await Promise.all(devices.map((device, index) => device.sendAndStop(questions[index] ?? '')));
      await settled(...devices);
      for (const reloads of [false, true]) {
        for (const [index, device] of devices.entries()) {
          if (reloads) await device.page.reload();
          await expect.poll(() => textsOf(device), { timeout: 20_000 }).toContain(questions[index]);
        }
        await settled(...devices);
      }
      // What is not marked as unsent is on every device.
      const marked = await Promise.all(
        devices.map(async (device) => (await device.page.getByTestId('kept').allTextContents()).join()),
      );
      const sent = questions.filter((question, index) => !marked[index]?.includes(question));
      for (const device of devices)
        await expect.poll(() => textsOf(device), { timeout: 20_000 }).toEqual(expect.arrayContaining(sent));
    });
  },
);

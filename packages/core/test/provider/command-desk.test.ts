import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createCommandDesk } from '../../src/provider/command-desk.ts';

const { signal: never } = new AbortController();

describe('commands over a socket', () => {
  it('each get their own receipt, in whatever order the receipts come', async () => {
    const desk = createCommandDesk({ clock: systemClock });
    const refs: number[] = [];
    const write = (ref: number): boolean => refs.push(ref) > 0;
    const [first, second] = [desk.send(write, never), desk.send(write, never)];
    desk.answer(refs[1] ?? 0, { receipt: { outcome: 'delivered' } });
    desk.answer(refs[0] ?? 0, { error: { code: 'forbidden', message: 'No.' } });
    await expect(second).resolves.toEqual({ outcome: 'delivered' });
    await expect(first).rejects.toMatchObject({ code: 'forbidden', message: 'No.' });
  });

  it('fail as network where nothing can be sent, when the connection goes, and when no receipt comes in time', async () => {
    const desk = createCommandDesk({ clock: systemClock, timeoutMs: 20 });
    await expect(desk.send(() => false, never)).rejects.toMatchObject({ code: 'network' });
    await expect(desk.send(() => true, never)).rejects.toMatchObject({ code: 'network' });
    const waiting = desk.send(() => true, never);
    desk.fail();
    await expect(waiting).rejects.toMatchObject({ code: 'network' });
  });

  it('are not written after an abort, and end with its reason', async () => {
    const desk = createCommandDesk({ clock: systemClock });
    const abort = new AbortController();
    const waiting = desk.send(() => true, abort.signal);
    const reason = new Error('left');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    let written = 0;
    await expect(desk.send(() => written++ >= 0, abort.signal)).rejects.toBe(reason);
    expect(written).toBe(0);
  });
});

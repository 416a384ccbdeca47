import { describe, expect, it } from 'vitest';
import { PublishGate } from '../../src/server/run/publish-gate.ts';

describe('the gate in front of a service', () => {
  it('spaces messages by the rate', () => {
    const gate = new PublishGate(10);
    expect(gate.waitMs(1000)).toBe(0);
    gate.pass(1000);
    expect(gate.waitMs(1000)).toBe(100);
    expect(gate.waitMs(1060)).toBe(40);
    gate.pass(1100);
    expect(gate.waitMs(1100)).toBe(100);
  });

  it('lets one message go ahead after a refusal, and the others once it was taken', () => {
    const gate = new PublishGate(undefined);
    gate.settle(gate.pass(0), 'refused', 0);
    const pauseMs = gate.waitMs(0);
    expect(pauseMs).toBeGreaterThanOrEqual(125);
    expect(pauseMs).toBeLessThanOrEqual(250);
    expect(gate.waitMs(pauseMs)).toBe(0);
    const probe = gate.pass(pauseMs);
    expect(gate.waitMs(pauseMs)).toBe(Number.POSITIVE_INFINITY);
    gate.settle(probe, 'taken', pauseMs + 50);
    expect(gate.waitMs(pauseMs + 50)).toBe(0);
    gate.pass(pauseMs + 50);
    expect(gate.waitMs(pauseMs + 50)).toBe(0);
  });

  it('waits longer for each refusal of the message that went ahead', () => {
    const gate = new PublishGate(undefined);
    let now = 0;
    const pauses: number[] = [];
    for (let refusal = 0; refusal < 8; refusal += 1) {
      gate.settle(gate.pass(now), 'refused', now);
      pauses.push(gate.waitMs(now));
      now += gate.waitMs(now);
    }
    expect(pauses[7]).toBeGreaterThanOrEqual(4000);
    expect(pauses[7]).toBeLessThanOrEqual(8000);
    expect(pauses[4]).toBeGreaterThan(pauses[0] as number);
  });

  it('counts messages that were under way together as one refusal', () => {
    const gate = new PublishGate(undefined);
    const passes = [gate.pass(0), gate.pass(0), gate.pass(0)];
    for (const pass of passes) gate.settle(pass, 'refused', 10);
    expect(gate.waitMs(10)).toBeLessThanOrEqual(250);
  });

  it('opens to the next message when the one that went ahead failed for another reason', () => {
    const gate = new PublishGate(undefined);
    gate.settle(gate.pass(0), 'refused', 0);
    gate.settle(gate.pass(300), 'failed', 400);
    expect(gate.waitMs(400)).toBe(0);
    expect(gate.pass(400).isProbe).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { PublishGate } from '../../src/server/run/publish-gate.ts';

describe('the gate in front of a service', () => {
  it('spaces messages by the rate', () => {
    const gate = new PublishGate(2);
    expect(gate.waitMs(1000)).toBe(0);
    gate.pass(1000);
    expect(gate.waitMs(1000)).toBe(500);
    expect(gate.waitMs(1060)).toBe(440);
    gate.pass(1500);
    expect(gate.waitMs(1500)).toBe(500);
  });

  it('lets what a quarter of a second carries leave at once after a pause, and no more than that above the rate', () => {
    const gate = new PublishGate(40);
    for (let count = 0; count < 10; count += 1) {
      expect(gate.waitMs(1000)).toBe(0);
      gate.pass(1000);
    }
    expect(gate.waitMs(1000)).toBe(25);
    const left: number[] = [];
    for (let nowMs = 1001; nowMs < 2000; nowMs += 1) {
      if (gate.waitMs(nowMs) > 0) continue;
      gate.pass(nowMs);
      left.push(nowMs);
    }
    expect(10 + left.length).toBeLessThanOrEqual(50);
    expect(left.length).toBeGreaterThanOrEqual(39);
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

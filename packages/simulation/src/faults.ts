import type { Random } from './random.ts';

/** What can go wrong, and what makes a chat hard without being wrong. */
export const faultKinds = [
  'message-dropped',
  'message-doubled',
  'message-reordered',
  'message-delayed',
  'publish-failed',
  'realtime-interrupted',
  'request-lost',
  'answer-lost',
  'body-cut',
  'body-half-open',
  'body-held-back',
  'device-offline',
  'tab-reloaded',
  'server-killed',
  'server-restarted',
  'log-failed',
  'clock-skewed',
  'cancel-raced',
  'stale-device',
  'concurrent-sends',
  'remounted',
  'regenerated',
  'steered',
  'service-throttled',
  'server-frozen',
  'access-refused',
  'access-revoked',
  'chat-deleted',
  'clock-jumped',
  'stopped-then-sent',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Stories gain faults over time. A seed that was kept is told as it was when it failed. */
export type Edition = 1 | 2 | 3 | 4 | 5;
export const newestEdition: Edition = 5;

/** The edition that brought a kind. It draws from a source of its own, so that the stories of earlier ones stay as they are. */
const cameWith: Partial<Record<FaultKind, Edition>> = {
  ...{ steered: 2, 'service-throttled': 2 },
  ...{ 'server-frozen': 3, 'access-refused': 3, 'access-revoked': 3, 'chat-deleted': 3 },
  ...{ 'clock-jumped': 3, 'stopped-then-sent': 3 },
};

/** Which faults a seed has, and which have happened. */
export class Faults {
  readonly counts: Partial<Record<FaultKind, number>> = {};
  /** No chance strikes any more. */
  healed = false;
  readonly #chances: Partial<Record<FaultKind, number>> = {};
  readonly #random: Random;

  /** Half of the kinds are on: seeds where little else goes wrong find what a storm hides. */
  constructor(random: Random, edition: Edition) {
    this.#random = random;
    const calm = random.chance(0.03);
    for (const kind of faultKinds) {
      const since = cameWith[kind] ?? 1;
      const source = since > 1 ? random.fork(kind) : random;
      if (!calm && source.chance(0.6) && since <= edition)
        this.#chances[kind] = source.pick([0.02, 0.05, 0.05, 0.15, 0.4]);
    }
  }

  isOn(kind: FaultKind): boolean {
    return this.#chances[kind] !== undefined;
  }

  /** Whether a fault that comes by chance strikes here; counted when it does. */
  strikes(kind: FaultKind): boolean {
    const chance = this.#chances[kind];
    if (this.healed || chance === undefined || !this.#random.chance(chance)) return false;
    this.count(kind);
    return true;
  }

  count(kind: FaultKind): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }
}

import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { newId, patienceMs, second, within } from './log-helpers.ts';

const waitMs = patienceMs * 2;

/** Access that is taken back. */
export const accessCases: readonly LogCase[] = [
  {
    id: 'access/remembered',
    title: 'remembers whose access was taken back, once each, and answers only what is newer than the cursor',
    async run({ log }) {
      const chatId = newId('chat');
      expect((await log.revocations(chatId)).revoked).toEqual([]);
      await log.revoke(chatId, { id: 'v1', userId: 'ann' });
      const first = await log.revocations(chatId);
      expect(first.revoked).toMatchObject([{ id: 'v1', userId: 'ann' }]);
      await log.revoke(chatId, { id: 'v2', userId: 'bob' });
      await log.revoke(chatId, { id: 'v1', userId: 'ann' });
      const newer = await log.revocations(chatId, { after: first.cursor, waitMs });
      expect(newer.revoked).toMatchObject([{ id: 'v2', userId: 'bob' }]);
      expect((await log.revocations(chatId, { after: newer.cursor, waitMs: 1 })).revoked).toEqual([]);
      expect((await log.revocations(newId('chat'))).revoked).toEqual([]);
      const all = await log.revocations(chatId);
      expect(all.revoked.map(({ id }) => id)).toEqual(['v1', 'v2']);
      expect(all.revoked.every(({ agoMs }) => agoMs >= 0)).toBe(true);
    },
  },
  {
    id: 'access/bounded',
    title: 'remembers many users as everybody, so that nobody is left out',
    async run({ log }) {
      const chatId = newId('chat');
      for (let user = 0; user <= 64; user += 1) await log.revoke(chatId, { id: `v${user}`, userId: `u${user}` });
      const { revoked } = await log.revocations(chatId);
      expect(revoked.map(({ id, userId }) => ({ id, userId }))).toEqual([{ id: 'v64', userId: undefined }]);
    },
  },
  {
    id: 'access/shared',
    title: 'tells those who wait in another process that access was taken back',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const chatId = newId('chat');
      const { cursor } = await other.revocations(chatId);
      const news = other.revocations(chatId, { after: cursor, waitMs });
      await log.revoke(chatId, { id: 'v1', userId: 'ann' });
      expect((await within('the revocation', news)).revoked).toMatchObject([{ id: 'v1', userId: 'ann' }]);
    },
  },
];

import { safeValidateUIMessages } from 'ai';
import { expect, it, vi } from 'vitest';
import { createWorld } from './support.ts';

vi.mock('ai', async (load) => {
  const ai = await load<typeof import('ai')>();
  return { ...ai, safeValidateUIMessages: vi.fn(ai.safeValidateUIMessages) };
});

it('builds the AI SDK’s schema of messages before the first request, for which the process would stand still', () => {
  createWorld();
  expect(vi.mocked(safeValidateUIMessages).mock.calls).toHaveLength(1);
});

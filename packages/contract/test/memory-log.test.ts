import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError, defaultRetentionMs } from '@chat-transport/core/provider';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeRunLogContract } from '../src/index.ts';

describeRunLogContract({
  name: 'memoryLog',
  supports: { clock: true, shared: false, durable: false },
  async createHarness() {
    let ahead = 0;
    const log = memoryLog({ now: () => Date.now() + ahead });
    return {
      log,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        ahead += ms;
      },
      dispose: () => log.close(),
    };
  },
});

describe('memoryLog on a platform of many processes', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it.each(['VERCEL', 'AWS_LAMBDA_FUNCTION_NAME'])('refuses to start where %s is set', (variable) => {
    vi.stubEnv(variable, '1');
    const start = (): unknown => memoryLog();
    expect(start).toThrow(ChatTransportError);
    expect(start).toThrow(`${variable} says that this platform runs many`);
  });

  it('starts there when the app overrides the check', () => {
    vi.stubEnv('VERCEL', '1');
    expect(memoryLog({ allowServerless: true }).name).toBe('memoryLog');
  });
});

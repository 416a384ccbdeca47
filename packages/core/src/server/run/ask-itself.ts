import { sleep } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import type { ContinueRequest, ContinueTokens } from './continue-token.ts';

/** How long the answer to a request to go on may take, in milliseconds. The run itself goes on behind it. */
const askTimeoutMs = 10_000;

/** Makes the default of `continueRun`: a signed `POST {api}/{chatId}/continue` to this server, at `continueUrl`. PROTOCOL.md section 6.8. */
export function askItself(
  url: string,
  tokens: ContinueTokens,
  { clock, fetch = globalThis.fetch }: Pick<ResolvedOptions, 'clock' | 'fetch'>,
): (request: ContinueRequest) => Promise<void> {
  const base = url.replace(/\/+$/, '');
  return async (request) => {
    const { chatId, runId, attempt } = request;
    const timeout = new AbortController();
    const answered = new AbortController();
    void sleep(clock, askTimeoutMs, answered.signal).then(() => timeout.abort());
    try {
      const response = await fetch(`${base}/${chatId}/continue`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ runId, attempt, ...(await tokens.sign(request)) }),
        // A signature is for this address alone.
        redirect: 'error',
        signal: timeout.signal,
      });
      void response.body?.cancel();
      // 409: another process was first.
      if (response.ok || response.status === 409) return;
      const message = `POST ${base}/${chatId}/continue was answered ${response.status}.`;
      throw new ChatTransportError({ code: 'provider-failed', message });
    } finally {
      answered.abort();
    }
  };
}

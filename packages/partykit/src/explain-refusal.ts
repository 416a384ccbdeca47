import { ChatTransportError, type ErrorCode, routeAddress } from '@chat-transport/core/provider';

/** How long the question may take, in milliseconds. */
const timeoutMs = 2_000;

/**
 * Why handshakes with this ticket are refused. A failed handshake gives a client no reason, and the same address
 * answers a plain request with the reason. Never rejects.
 */
export async function explainRefusal(url: string, chatId: string, ticket: string): Promise<ChatTransportError> {
  const unknown =
    'The WebSocket handshake fails again and again. Check `url`, and that proxies pass WebSocket upgrades.';
  const refusal = { code: 'provider-failed' as ErrorCode, message: unknown, retryable: true };
  try {
    const address = `${routeAddress(url, `/${chatId}/socket`)}${url.includes('?') ? '&' : '?'}ticket=${ticket}`;
    const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
    const { error } = (await response.json()) as { error: { code: ErrorCode; message: string } };
    // With a good ticket the only fault of a plain request is that it is no handshake: something on the way changes it.
    const isExplained = typeof error.message === 'string' && response.status !== 426;
    return new ChatTransportError(isExplained ? { ...refusal, code: error.code, message: error.message } : refusal);
  } catch (cause) {
    return new ChatTransportError({ ...refusal, cause });
  }
}

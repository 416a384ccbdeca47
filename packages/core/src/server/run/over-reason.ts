/** Why what is over is left. Made once: an exception costs the time of its stack trace. */
export const overReason: DOMException = new DOMException('It is over.', 'AbortError');

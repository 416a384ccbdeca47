/** The reason of an abort that only says that something has ended. Made once: each new exception takes the time of a stack trace. */
export const overReason: DOMException = new DOMException('It is over.', 'AbortError');

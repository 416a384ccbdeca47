import type { UIMessageChunk } from 'ai';

const providerMetadata = { some: { field: [1, null, 'x'] } };
const toolMetadata = { tool: { kept: true } };
const tool = { toolCallId: 'a', providerMetadata, toolMetadata };

/**
 * One chunk of every type that the AI SDK has, apart from `start`, `finish`, `error` and `abort`, with its rare fields.
 * No two adjacent ones merge.
 */
export const sampleChunks: readonly UIMessageChunk[] = [
  { type: 'text-start', id: 't', providerMetadata },
  { type: 'text-delta', id: 't', delta: 'Ünïcödé 😀 \u0000 "\\', providerMetadata },
  { type: 'text-end', id: 't', providerMetadata: { some: { field: 'at the end' } }, citations: [] },
  { type: 'reasoning-start', id: 'r', providerMetadata },
  { type: 'reasoning-delta', id: 'r', delta: 'because', providerMetadata },
  { type: 'reasoning-end', id: 'r', providerMetadata },
  { type: 'reasoning-file', url: 'data:text/plain,x', mediaType: 'text/plain', providerMetadata },
  { type: 'custom', kind: 'some.kind', providerMetadata },
  { type: 'tool-input-start', ...tool, toolName: 'find', dynamic: true, title: 'Find', inputEncoding: 'json' },
  { type: 'tool-input-delta', toolCallId: 'a', inputTextDelta: '{"q":1}' },
  { type: 'tool-input-available', ...tool, toolName: 'find', input: { q: 1 }, dynamic: true, title: 'Find' },
  {
    type: 'tool-approval-request',
    approvalId: 'p',
    toolCallId: 'a',
    signature: 's',
    reason: 'why',
    isAutomatic: false,
  },
  { type: 'tool-approval-response', approvalId: 'p', approved: true, reason: 'fine', providerMetadata },
  { type: 'tool-output-available', ...tool, output: { half: 1 }, dynamic: true, preliminary: true },
  { type: 'tool-output-available', ...tool, output: { found: [1] }, dynamic: true },
  { type: 'tool-input-error', ...tool, toolCallId: 'b', toolName: 'find', input: '{', errorText: 'no JSON' },
  { type: 'tool-input-available', ...tool, toolCallId: 'd', toolName: 'find', input: {} },
  { type: 'tool-output-error', ...tool, toolCallId: 'd', errorText: 'failed', providerExecuted: true },
  { type: 'tool-input-available', toolCallId: 'e', toolName: 'find', input: {} },
  { type: 'tool-output-denied', toolCallId: 'e' },
  { type: 'source-url', sourceId: 's', url: 'https://a.example', title: 'A', providerMetadata },
  { type: 'source-document', sourceId: 'u', mediaType: 'text/plain', title: 'D', filename: 'd.txt', providerMetadata },
  { type: 'file', url: 'data:text/plain,y', mediaType: 'text/plain', providerMetadata },
  { type: 'data-weather', id: 'w', data: { degrees: 20 } },
  { type: 'data-flash', data: 'gone', transient: true },
  { type: 'message-metadata', messageMetadata: { seen: true } },
  { type: 'steering-message', id: 'm', parts: [{ type: 'text', text: 'shorter' }] },
  { type: 'finish-step' },
  { type: 'start-step' },
  { type: 'reset-step' },
];

/** What a later AI SDK may send. */
export const unknownChunks: readonly UIMessageChunk[] = [
  { type: 'from-the-future', nested: { deep: [{ a: null }] }, empty: {}, text: '' },
  { type: 'text-start', id: 'n', newField: [1, { two: 2 }] },
  { type: 'text-delta', id: 'n', delta: 'x', signature: 'abc' },
  { type: 'text-end', id: 'n', newField: false },
  { type: 'data-new', data: null, ttl: 4 },
] as unknown as UIMessageChunk[];

import {
  type DynamicToolUIPart,
  getToolName,
  isToolUIPart,
  type ToolUIPart,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import type { LooseChunk } from './delta.ts';

type Part = UIMessage['parts'][number];
type ToolPart = ToolUIPart | DynamicToolUIPart;
/** Not a chunk's type yet: fields may be undefined, which `chunk` leaves out. */
type Draft = { readonly type: UIMessageChunk['type'] } & Readonly<Record<string, unknown>>;

/** The chunks that fold to a message's parts, as a server might have streamed them. */
export function messageChunks(message: UIMessage): UIMessageChunk[] {
  return message.parts.flatMap((part, index) => partDrafts(part, `replay-${index}`).map(chunk));
}

function partDrafts(part: Part, id: string): Draft[] {
  if (isToolUIPart(part)) return toolDrafts(part);
  switch (part.type) {
    case 'text':
    case 'reasoning': {
      const partId = part.type === 'reasoning' ? (part.id ?? id) : id;
      const { citations } = part as { citations?: unknown };
      return [
        { type: `${part.type}-start`, id: partId, providerMetadata: part.providerMetadata },
        ...(part.text === '' ? [] : [{ type: `${part.type}-delta`, id: partId, delta: part.text } as const]),
        ...(part.state === 'streaming' ? [] : [{ type: `${part.type}-end`, id: partId, citations } as const]),
      ];
    }
    case 'step-start':
      return [{ type: 'start-step' }];
    case 'file':
    case 'reasoning-file': {
      const { type, mediaType, url, providerMetadata } = part;
      return [{ type, mediaType, url, providerMetadata }];
    }
    case 'custom':
    case 'source-url':
    case 'source-document':
    case 'steering-message':
      return [part];
    default:
      // The fold takes any other chunk for a message part only when it is data.
      return part.type.startsWith('data-') ? [part] : [];
  }
}

function toolDrafts(part: ToolPart): Draft[] {
  const { toolCallId, title, toolMetadata, providerExecuted, callProviderMetadata: providerMetadata } = part;
  const { rawInput, inputEncoding } = part as { rawInput?: unknown; inputEncoding?: unknown };
  const call = {
    toolCallId,
    toolName: getToolName(part),
    title,
    toolMetadata,
    providerExecuted,
    providerMetadata,
    dynamic: part.type === 'dynamic-tool' || undefined,
  };
  const raw = typeof rawInput === 'string';
  const encoding = inputEncoding ?? (raw && rawInput === part.input ? 'text' : undefined);
  // A call whose input never became available keeps its text.
  const streamed: Draft[] = [
    { ...call, type: 'tool-input-start', inputEncoding: encoding },
    ...(typeof rawInput === 'string'
      ? [{ type: 'tool-input-delta', toolCallId, inputTextDelta: rawInput } as const]
      : []),
  ];
  if (part.state === 'input-streaming') return streamed;
  const { input } = part;
  const available: Draft[] = raw ? streamed : [{ ...call, type: 'tool-input-available', input }];
  const approval = approvalDrafts(part);
  switch (part.state) {
    case 'input-available':
      return available;
    case 'output-available': {
      const { output, preliminary, resultProviderMetadata: providerMetadata } = part;
      const answer = { toolCallId, output, preliminary, providerMetadata };
      return [...available, ...approval, { ...answer, type: 'tool-output-available' }];
    }
    case 'output-error': {
      const failed = { toolCallId, errorText: part.errorText, providerMetadata: part.resultProviderMetadata };
      if (approval.length > 0 || raw) {
        return [...available, ...approval, { ...failed, type: 'tool-output-error' }];
      }
      return [...streamed, { ...failed, type: 'tool-input-error', toolName: call.toolName, input }];
    }
    case 'output-denied':
      return [...available, ...approval, { type: 'tool-output-denied', toolCallId }];
    default:
      return [...available, ...approval];
  }
}

function approvalDrafts({ toolCallId, approval }: ToolPart): Draft[] {
  if (!approval) return [];
  const {
    id: approvalId,
    descriptor,
    requestReason,
    isAutomatic,
    signature,
    approved,
    reason,
    inputSchemaInput,
  } = approval;
  const request: Draft = {
    type: 'tool-approval-request',
    approvalId,
    toolCallId,
    approvalDescriptor: descriptor,
    inputSchemaInput,
    reason: requestReason,
    isAutomatic,
    signature,
  };
  if (approved === undefined) return [request];
  return [request, { type: 'tool-approval-response', approvalId, approved, reason }];
}

function chunk(draft: LooseChunk): UIMessageChunk {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as UIMessageChunk;
}

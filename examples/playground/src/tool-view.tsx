import { type DynamicToolUIPart, getToolName, type ToolUIPart } from 'ai';
import type { ReactNode } from 'react';

export type AnswerApproval = (answer: { id: string; approved: boolean }) => unknown;

const stateLabels: Record<string, string> = {
  'input-streaming': 'writing its input',
  'input-available': 'running',
  'approval-requested': 'wants your approval',
  'approval-responded': 'answered',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
};

const shownCharacters = 400;

/** A value as text, shortened with its full size behind it. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length <= shownCharacters
    ? text
    : `${text.slice(0, shownCharacters)}… (${text.length.toLocaleString('en')} characters)`;
}

/** One tool call: its state, its input and output, and its approval. */
export function ToolView(props: {
  part: ToolUIPart | DynamicToolUIPart;
  onApproval: AnswerApproval | undefined;
}): ReactNode {
  const { part, onApproval } = props;
  const approvalId = part.state === 'approval-requested' ? part.approval.id : undefined;
  return (
    <section className="tool" data-testid="tool" data-state={part.state} aria-label={`Tool ${getToolName(part)}`}>
      <p className="tool-title">
        <b>{getToolName(part)}</b> <span>{stateLabels[part.state] ?? part.state}</span>
      </p>
      {part.input !== undefined && <pre>{show(part.input)}</pre>}
      {part.state === 'output-available' && <pre className="output">{show(part.output)}</pre>}
      {part.state === 'output-error' && <pre className="output">{part.errorText}</pre>}
      {approvalId !== undefined && (
        <p className="approval">
          <button type="button" className="primary" onClick={() => onApproval?.({ id: approvalId, approved: true })}>
            Approve
          </button>
          <button type="button" onClick={() => onApproval?.({ id: approvalId, approved: false })}>
            Deny
          </button>
        </p>
      )}
    </section>
  );
}

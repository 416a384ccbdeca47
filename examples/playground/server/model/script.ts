import type { LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { answerTokens, reasoningTokens, table } from './prose.ts';
import { parseWords, type ToolWord, type Words } from './words.ts';

/** One moment of a script: a part (`paced` ones take a token's time) or a silence. */
export type Beat = { readonly part: LanguageModelV4StreamPart; readonly paced?: true } | { readonly silenceMs: number };

export interface Script {
  readonly beats: readonly Beat[];
  /** Tokens per second. */
  readonly rate: number;
}

/** Writes the script for one model call: a function of the prompt alone. */
export function writeScript(prompt: LanguageModelV4Prompt): Script {
  const words = parseWords(lastUserText(prompt));
  const answered = prompt.at(-1)?.role === 'tool';
  const beats: Beat[] = [{ part: { type: 'stream-start', warnings: [] } }];
  const calls = answered && !words.again ? [] : words.tools;

  if (words.reasoning && !answered) beats.push(...block('reasoning', reasoningTokens(words.text)));
  if (calls.length > 0) {
    beats.push(...block('text', ['Let ', 'me ', 'use ', 'a ', 'tool ', 'for ', 'that. ']));
    for (const call of calls) {
      const count = call === 'approval' ? words.approvals : 1;
      for (let number = 1; number <= count; number += 1) beats.push(...toolCall(call, words, prompt.length, number));
    }
  } else {
    const intro = answered ? `${toolSummary(prompt)}\n\n` : introOf(prompt, words);
    const tokens = answerTokens(words.text, {
      ...(intro === undefined ? {} : { intro }),
      ...(words.tokens === undefined ? {} : { length: words.tokens }),
    });
    beats.push(...interruptedBlock(tokens, words));
  }
  beats.push(finish(calls.length > 0 ? 'tool-calls' : words.error ? 'error' : 'stop', beats.length));
  return { beats, rate: words.rate };
}

function lastUserText(prompt: LanguageModelV4Prompt): string {
  const message = prompt.findLast(({ role }) => role === 'user');
  if (message?.role !== 'user') return '';
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

/** What stands in front of an answer's first sentence, where it is more than the user's own words. */
function introOf(prompt: LanguageModelV4Prompt, words: Words): string | undefined {
  const message = prompt.findLast(({ role }) => role === 'user');
  const files = message?.role === 'user' ? message.content.filter((part) => part.type === 'file') : [];
  const seen = files.map(({ filename, mediaType }) => `You sent me a file: \`${filename ?? mediaType}\`.\n\n`).join('');
  const intro = seen + (words.table ? table : '');
  return intro === '' ? undefined : intro;
}

function block(kind: 'text' | 'reasoning', tokens: readonly string[]): Beat[] {
  const id = `${kind}-1`;
  return [
    { part: { type: `${kind}-start`, id } },
    ...tokens.map((delta): Beat => ({ part: { type: `${kind}-delta`, id, delta }, paced: true })),
    { part: { type: `${kind}-end`, id } },
  ];
}

/** A text block with its silence or its error in the middle. */
function interruptedBlock(tokens: readonly string[], words: Words): Beat[] {
  const beats = block('text', tokens);
  const middle = Math.ceil(beats.length / 2);
  if (words.silenceMs > 0) beats.splice(middle, 0, { silenceMs: words.silenceMs });
  if (!words.error) return beats;
  const failure: Beat = { part: { type: 'error', error: new Error('The scripted model failed, as /error asked.') } };
  return [...beats.slice(0, middle + 1), failure];
}

const toolNames: Record<ToolWord, string> = {
  tool: 'lookUp',
  'client-tool': 'readPage',
  approval: 'launch',
  big: 'bigReport',
};

/** @param number Counts the calls of one tool in a step, from 1. */
function toolCall(word: ToolWord, words: Words, position: number, number: number): Beat[] {
  const suffix = number === 1 ? '' : `-${number}`;
  const id = `call-${word}-${position}${suffix}`;
  const toolName = toolNames[word];
  const input = JSON.stringify(
    word === 'big'
      ? { characters: words.bigCharacters }
      : word === 'client-tool'
        ? {}
        : { topic: `${words.text || 'nothing'}${suffix}` },
  );
  const deltas = input.match(/[\s\S]{1,8}/g) ?? [];
  return [
    { part: { type: 'tool-input-start', id, toolName } },
    ...deltas.map((delta): Beat => ({ part: { type: 'tool-input-delta', id, delta }, paced: true })),
    { part: { type: 'tool-input-end', id } },
    { part: { type: 'tool-call', toolCallId: id, toolName, input } },
  ];
}

/** What the tools of the step before answered, in one sentence each. */
function toolSummary(prompt: LanguageModelV4Prompt): string {
  const last = prompt.at(-1);
  if (last?.role !== 'tool') return '';
  const sentences = last.content.map((part) => {
    if (part.type !== 'tool-result') return '';
    const { output } = part;
    if (output.type === 'execution-denied') return `You denied \`${part.toolName}\`, so nothing happened.`;
    const value = 'value' in output ? output.value : '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `The tool \`${part.toolName}\` answered ${text.length > 120 ? `${text.length} characters` : `\`${text}\``}.`;
  });
  return sentences.filter(Boolean).join(' ');
}

function finish(reason: 'stop' | 'tool-calls' | 'error', outputTokens: number): Beat {
  return {
    part: {
      type: 'finish',
      finishReason: { unified: reason, raw: reason },
      usage: {
        inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: outputTokens, text: outputTokens, reasoning: undefined },
      },
    },
  };
}

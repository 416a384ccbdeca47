/** What the slash words in a user's text ask of the scripted model. Numbers are clamped, so no text can ask for too much. */
export interface Words {
  /** The length of the answer in tokens; absent: as long as the script is. */
  readonly tokens?: number;
  /** Tokens per second. */
  readonly rate: number;
  readonly reasoning: boolean;
  /** Whether the answer begins with a table. */
  readonly table: boolean;
  /** The tools to call in the first step, in the order of the words. */
  readonly tools: readonly ToolWord[];
  /** Whether the tools are called again after each output, without end. */
  readonly again: boolean;
  /** How many calls need an approval, where one does. */
  readonly approvals: number;
  /** How many characters the big tool output has. */
  readonly bigCharacters: number;
  /** How long the model says nothing in the middle of its answer, in milliseconds. */
  readonly silenceMs: number;
  /** Whether the model fails in the middle of its answer. */
  readonly error: boolean;
  /** The text without the words. */
  readonly text: string;
}

export type ToolWord = 'tool' | 'client-tool' | 'approval' | 'big';

export const defaultRate = 50;

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

const units: Record<string, number> = { b: 1, kb: 1_000, mb: 1_000_000 };

/** Reads the slash words of a user's text. Unknown words stay in the text. */
export function parseWords(input: string): Words {
  const tools: ToolWord[] = [];
  let tokens: number | undefined;
  let rate = defaultRate;
  let reasoning = false;
  let table = false;
  let error = false;
  let again = false;
  let silenceMs = 0;
  let bigCharacters = 0;
  let approvals = 1;

  const text = input
    .replace(/(?<!\S)\/(tokens|rate|silence) +(\d+(?:\.\d+)?)(?!\S)/gi, (_, word: string, digits: string) => {
      const value = Number(digits);
      if (word.toLowerCase() === 'tokens') tokens = clamp(Math.round(value), 1, 20_000);
      else if (word.toLowerCase() === 'rate') rate = clamp(value, 0.1, 10_000);
      else silenceMs = clamp(value, 0, 600) * 1000;
      return '';
    })
    .replace(/(?<!\S)\/approvals +(\d+)(?!\S)/gi, (_, digits: string) => {
      approvals = clamp(Number(digits), 1, 5);
      tools.push('approval');
      return '';
    })
    .replace(/(?<!\S)\/big(?: +(\d+(?:\.\d+)?)(b|kb|mb))?(?!\S)/gi, (_, digits?: string, unit?: string) => {
      bigCharacters = clamp(Math.round(Number(digits ?? 1) * (units[unit?.toLowerCase() ?? 'mb'] ?? 1)), 1, 5_000_000);
      tools.push('big');
      return '';
    })
    .replace(/(?<!\S)\/(reasoning|table|error|again|tool|client-tool|approval)(?!\S)/gi, (_, found: string) => {
      const word = found.toLowerCase();
      if (word === 'reasoning') reasoning = true;
      else if (word === 'table') table = true;
      else if (word === 'error') error = true;
      else if (word === 'again') again = true;
      else tools.push(word as ToolWord);
      return '';
    })
    // Kills the process, not the model: server/crash.ts.
    .replace(/(?<!\S)\/crash(?!\S)/gi, '')
    .replace(/[ \t]+/g, ' ')
    .trim();

  return {
    ...(tokens === undefined ? {} : { tokens }),
    rate,
    reasoning,
    table,
    tools: [...new Set(tools)],
    again,
    approvals,
    bigCharacters,
    silenceMs,
    error,
    text,
  };
}

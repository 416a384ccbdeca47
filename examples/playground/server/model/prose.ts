const openings = [
  'Happy to help with that.',
  'Good question, and a pleasant one to answer slowly.',
  'Here is what a scripted model makes of it.',
  'Let me think out loud for a moment.',
];

const thoughts = [
  'An answer belongs to its **chat**, not to the tab that asked for it.',
  'Close this tab, open it again, and the sentence goes on where it was.',
  'Every chunk has an *offset*, so nothing is shown twice and nothing is left out.',
  'When the network goes, the answer keeps being written on the server.',
  'When the network comes back, only the missing part is fetched.',
  'A second device sees the same words at the same time.',
  'Whoever presses **Stop**, the model stops for everybody.',
  'You can steer me while I speak: I read your note before my next step.',
  'The log is the truth; every other path is just a faster copy of it.',
  'If `websocket` frames are lost, the same frames arrive as `server-sent events`.',
  'A lost server is noticed by its lease, and said so in plain words.',
  'Numbers in front of my thoughts make a gap easy to see.',
];

const reasons = [
  'The user wants an answer that survives a closed lid.',
  'I should say it in short sentences.',
  'Each sentence gets a number, then a gap would show.',
  'That is enough thinking; the answer follows.',
];

/** A small, stable number from a text: the same prompt always gets the same answer. */
function hash(text: string): number {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  return value;
}

function quote(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}

const toTokens = (text: string): string[] => text.match(/\S+\s*/g) ?? [];

/** The answer to a user's text, in tokens (a word and the space behind it). With `length`, exactly that many. It ends with a whole sentence. */
export function answerTokens(
  text: string,
  options: { readonly intro?: string; readonly length?: number } = {},
): string[] {
  const seed = hash(text);
  const intro = options.intro ?? (text === '' ? '' : `You said:\n\n${quote(text)}\n\n`);
  const sentences = [`${intro}${openings[seed % openings.length]}\n\n`];
  const count = options.length ?? 6;
  for (let number = 1; number <= count; number += 1) {
    sentences.push(`**${number}.** ${thoughts[(seed + number * 5) % thoughts.length]}\n\n`);
  }
  const tokens = sentences.map(toTokens);
  return options.length === undefined ? tokens.flat() : fill(tokens, options.length);
}

/** The first of these sentences that fit into `length` tokens, and a last one that fills the rest. */
function fill(sentences: readonly string[][], length: number): string[] {
  const tokens: string[] = [];
  for (const sentence of sentences) {
    if (tokens.length + sentence.length > length) break;
    tokens.push(...sentence);
  }
  return [...tokens, ...toTokens(closing(length - tokens.length))];
}

/** A sentence of exactly so many words. */
function closing(words: number): string {
  if (words === 0) return '';
  if (words < 4) return ['Done.', 'All done.', 'That is all.'][words - 1] ?? '';
  return `Now I count: ${Array.from({ length: words - 3 }, (_, index) => index + 1).join(', ')}.`;
}

/** A table: what a person notices, by what goes wrong. */
export const table = `| what goes wrong | what you notice | where the answer comes from |
| :-- | :-- | :-- |
| this tab reloads | the sentence goes on | the log, then realtime |
| the network is cut | a banner after a second | the log, once it is back |
| sockets are refused | nothing | \`server-sent events\` |
| event streams are held back, too | small jumps | repeated requests |
| the server is killed | a mark: **cut short** | what the log had by then |

`;

/** The thinking in front of an answer, in tokens. */
export function reasoningTokens(text: string): string[] {
  return toTokens(`${text === '' ? 'There is no question. ' : ''}${reasons.join(' ')}`);
}

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

/** The answer to a user's text, in tokens (a word and the space behind it). With `length`, exactly that many. */
export function answerTokens(
  text: string,
  options: { readonly intro?: string; readonly length?: number } = {},
): string[] {
  const seed = hash(text);
  const intro = options.intro ?? (text === '' ? '' : `You said:\n\n${quote(text)}\n\n`);
  const tokens = toTokens(`${intro}${openings[seed % openings.length]}\n\n`);
  const length = options.length ?? Number.POSITIVE_INFINITY;
  const count = options.length === undefined ? 6 : Number.POSITIVE_INFINITY;
  for (let number = 1; number <= count && tokens.length < length; number += 1) {
    const thought = thoughts[(seed + number * 5) % thoughts.length] ?? '';
    tokens.push(...toTokens(`**${number}.** ${thought}\n\n`));
  }
  return tokens.slice(0, length);
}

/** The thinking in front of an answer, in tokens. */
export function reasoningTokens(text: string): string[] {
  return toTokens(`${text === '' ? 'There is no question. ' : ''}${reasons.join(' ')}`);
}

/** A code block of a document, or the hidden prelude that stands in front of it. */
export interface Snippet {
  /** Path of the document, relative to the repository's root. */
  readonly document: string;
  /** Line of the document on which the code begins, from 1. */
  readonly line: number;
  readonly language: 'ts' | 'tsx';
  readonly code: string;
  /** Declarations the block may use without showing them: the last `<!-- snippet: prelude … -->` above it. */
  readonly prelude?: Omit<Snippet, 'prelude'>;
}

/** What {@link readSnippets} found in one document. `problems` are sentences that name file and line. */
export interface Snippets {
  readonly snippets: readonly Snippet[];
  readonly problems: readonly string[];
}

const fence = /^( *)(`{3,}|~{3,})([\w-]*)(.*)$/;
const refused = new Set(['js', 'jsx', 'javascript', 'typescript', 'mjs', 'mts']);

/**
 * Reads the `ts` and `tsx` blocks of a Markdown document. Each block is a module of its own; a comment
 * `<!-- snippet: prelude … -->` gives the blocks after it names that the page does not show, until the next such comment.
 * Only PROTOCOL.md may mark a block `no-check`, for pseudo-code.
 */
export function readSnippets(document: string, text: string): Snippets {
  const snippets: Snippet[] = [];
  const problems: string[] = [];
  const lines = text.split('\n');
  let prelude: Snippet['prelude'];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const body = (end: (line: string) => boolean): string[] => {
      const start = index + 1;
      do index += 1;
      while (index < lines.length && !end(lines[index] ?? ''));
      if (index === lines.length) problems.push(`${document}:${start}: opened here and never closed`);
      return lines.slice(start, index);
    };
    if (/^\s*<!-- snippet: prelude\s*$/.test(line)) {
      const at = index + 2;
      const code = body((next) => next.includes('-->')).join('\n');
      prelude = code.trim() === '' ? undefined : { document, line: at, language: 'tsx', code };
      continue;
    }
    if (line.includes('<!-- snippet:'))
      problems.push(`${document}:${index + 1}: a snippet comment must be "<!-- snippet: prelude" alone on its line`);
    const [, indent = '', marker = '', language = '', rest = ''] = fence.exec(line) ?? [];
    if (marker === '') continue;
    const at = index + 2;
    const code = body((next) => next.trim() === marker).map((next) =>
      next.startsWith(indent) ? next.slice(indent.length) : next,
    );
    if (refused.has(language))
      problems.push(
        `${document}:${at - 1}: write \`\`\`ts or \`\`\`tsx, not ${language}, so that the block is checked`,
      );
    if (language !== 'ts' && language !== 'tsx') continue;
    if (rest.trim() === 'no-check') {
      if (!/(^|\/)PROTOCOL\.md$/.test(document))
        problems.push(`${document}:${at - 1}: only PROTOCOL.md may mark a block no-check`);
      continue;
    }
    if (rest.trim() !== '') problems.push(`${document}:${at - 1}: unknown mark "${rest.trim()}"`);
    snippets.push({ document, line: at, language, code: code.join('\n'), ...(prelude ? { prelude } : {}) });
  }
  return { snippets, problems };
}

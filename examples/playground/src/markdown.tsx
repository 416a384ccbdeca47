import { memo, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';

/** Text with formatting and tables. Only the last paragraph of a growing text is parsed again. */
export const Markdown: (props: { readonly text: string }) => ReactNode = ({ text }) => {
  return (
    <div className="prose">
      {toBlocks(text).map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks are only added at the end
        <Block key={index} text={block} />
      ))}
    </div>
  );
};

/** Splits at blank lines, but not inside a code fence. */
function toBlocks(text: string): string[] {
  const blocks: string[] = [];
  let open = '';
  for (const piece of text.split(/(?<=\n\n)(?=\S)/)) {
    open += piece;
    if ((open.match(/^```/gm) ?? []).length % 2 === 1) continue;
    blocks.push(open);
    open = '';
  }
  return open === '' ? blocks : [...blocks, open];
}

/** Each block has the direction of its own first letters: an answer may mix languages. A wide table scrolls by itself. */
const components: Components = {
  p: ({ children }) => <p dir="auto">{children}</p>,
  li: ({ children }) => <li dir="auto">{children}</li>,
  blockquote: ({ children }) => <blockquote dir="auto">{children}</blockquote>,
  h1: ({ children }) => <h3 dir="auto">{children}</h3>,
  h2: ({ children }) => <h3 dir="auto">{children}</h3>,
  h3: ({ children }) => <h3 dir="auto">{children}</h3>,
  table: ({ children }) => (
    <div className="table" dir="auto">
      <table>{children}</table>
    </div>
  ),
};

const plugins = [remarkGfm];

const Block = memo(
  ({ text }: { text: string }): ReactNode => (
    <ReactMarkdown remarkPlugins={plugins} components={components}>
      {text}
    </ReactMarkdown>
  ),
);
Block.displayName = 'Block';

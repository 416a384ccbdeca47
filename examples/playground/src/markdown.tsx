import { memo, type ReactNode } from 'react';
import ReactMarkdown from 'react-markdown';

/** Text with simple formatting. Only the last paragraph of a growing text is parsed again. */
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

const Block = memo(({ text }: { text: string }): ReactNode => <ReactMarkdown>{text}</ReactMarkdown>);
Block.displayName = 'Block';

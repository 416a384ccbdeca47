import type { ReactNode } from 'react';

const prompts = [
  'Tell me a long story /tokens 500 /rate 40',
  'What can break? /table',
  'Think first /reasoning',
  'Look it up /tool',
  'Read my page /client-tool',
  'Launch the rocket /approval',
  'Stay silent for a while /silence 20',
  'Write a big report /big 1mb',
  'Fail on purpose /error',
  'Kill the writer /crash /tokens 90',
  'احكِ لي حكاية قصيرة',
];

/** Prompts that show the slash words. Each one sends at once. */
export function ExamplePrompts(props: {
  readonly onChoose: (prompt: string) => void;
  readonly isGreeting?: boolean;
}): ReactNode {
  return (
    <section className={props.isGreeting ? 'examples greeting' : 'examples'} aria-label="Example prompts">
      {props.isGreeting && (
        <>
          <h2>Ask, then break something.</h2>
          <p>
            Reload, open a second tab, cut the network, stop from elsewhere. The answer belongs to the chat, so it goes
            on.
          </p>
        </>
      )}
      <ul>
        {prompts.map((prompt) => (
          <li key={prompt}>
            <button type="button" className="chip" dir="auto" onClick={() => props.onChoose(prompt)}>
              {prompt.split(/(?= \/)/).map((part) =>
                part.startsWith(' /') ? (
                  <code key={part} className="word" dir="ltr">
                    {part}
                  </code>
                ) : (
                  part
                ),
              )}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

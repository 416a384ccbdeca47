import type { ReactNode } from 'react';

/** A second view inside the page: coming here does not stop the answer. */
export function About(): ReactNode {
  return (
    <main className="about">
      <h2>The answer goes on</h2>
      <p>
        You left the chat for another view, and nothing was cancelled: a run belongs to its chat, not to what shows it.
        Go back and the answer is where it would have been.
      </p>
      <h2>Things to try</h2>
      <ul>
        <li>Send a prompt, press “Open second tab”, and watch both.</li>
        <li>Reload in the middle of a sentence.</li>
        <li>Press “Stop” in the tab that did not ask.</li>
        <li>Press “Break”: cut the network, refuse a path, or take the access away; then restore it.</li>
        <li>Press “Inspect” and watch which path brings the answer.</li>
        <li>Stop the server with Ctrl-C and start it again: the chats are still there.</li>
      </ul>
      <h2>What answers</h2>
      <p>
        A scripted model that needs no key. It obeys the words in your prompt that begin with a slash. Each tab has a
        network of its own, so cutting one leaves the others alone.
      </p>
    </main>
  );
}

import type { RunStart } from '../wire/frame.ts';
import { frozen } from './frozen.ts';

/** How much of all starts a log keeps parsed, in UTF-16 units of JSON. */
const maxCachedLength = 4 * 1024 * 1024;

/**
 * Parses the starts of runs, and keeps what it has parsed: a start never changes, it may hold a message with files, and readers that wait
 * ask for its run again and again. The starts are frozen, because several readers share them.
 */
export function createStartCache(): (text: string) => RunStart {
  const starts = new Map<string, RunStart>();
  let total = 0;
  return (text) => {
    const known = starts.get(text);
    // The newest is last: a Map keeps the order in which its keys were added.
    starts.delete(text);
    const start = known ?? frozen(JSON.parse(text) as RunStart);
    starts.set(text, start);
    if (!known) total += text.length;
    for (const oldest of starts.keys()) {
      if (total <= maxCachedLength) break;
      starts.delete(oldest);
      total -= oldest.length;
    }
    return start;
  };
}

// Many senders in a process of their own: `load.ts <url>`. They read the responses of their POSTs as bytes, so that their work is small beside the
// server's, and note when each token came.
import { request } from 'node:http';
import { nowMs } from '../clock.ts';
import { ask, type Script, tokenLength } from '../script.ts';
import { quantile } from '../statistics.ts';

/** What the bench asks of the load. */
export type LoadRequest =
  | { readonly type: 'open'; readonly runs: number; readonly script: Script }
  /** How many tokens have come so far. */
  | { readonly type: 'tokens' }
  | {
      /** How late the tokens came that were due between two moments. */
      readonly type: 'lateness';
      readonly from: number;
      readonly to: number;
      readonly askedAt: ReadonlyMap<string, number>;
    };

export type LoadAnswer =
  | { readonly type: 'open' }
  | { readonly type: 'tokens'; readonly count: number }
  | { readonly type: 'lateness'; readonly p99: number }
  | { readonly type: 'failed'; readonly error: string };

interface Run {
  readonly chatId: string;
  /** When each token came, on the machine's clock. */
  readonly tokensAt: number[];
  readonly script: Script;
}

const url = process.argv[2] ?? '';
const mark = '"delta":"';
const runs: Run[] = [];

/** Opens one run. Resolves with its first token. */
function open(run: Run): Promise<void> {
  const body = JSON.stringify({
    id: run.chatId,
    trigger: 'submit-message',
    messages: [ask(`question-${run.chatId}`, run.script)],
  });
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent: false, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`A run got ${response.statusCode}.`));
      response.setEncoding('latin1');
      let open = '';
      response.on('data', (text: string) => {
        open = note(run, open + text);
        if (run.tokensAt.length > 0) resolve();
      });
      response.on('error', reject);
      response.on('end', () => reject(new Error('A run ended before the load.')));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Notes the tokens of all whole events; several are in one delta where the server merged them. Answers the rest. */
function note({ tokensAt }: Run, text: string): string {
  const at = nowMs();
  const end = text.lastIndexOf('\n\n');
  for (let place = text.indexOf(mark); place >= 0 && place < end; place = text.indexOf(mark, place + 1)) {
    const from = place + mark.length;
    const count = (text.indexOf('"', from) - from) / tokenLength;
    for (let index = 0; index < count; index += 1) tokensAt.push(at);
  }
  return text.slice(end + 2);
}

/** A token that has not come yet is as late as it is now. */
function lateness({ from, to, askedAt }: Extract<LoadRequest, { type: 'lateness' }>): number {
  const now = nowMs();
  const values: number[] = [];
  for (const { chatId, tokensAt, script } of runs) {
    const firstAt = (askedAt.get(chatId) ?? Number.NaN) + script.thinkMs;
    const first = Math.max(0, Math.ceil((from - firstAt) / script.intervalMs));
    for (let index = first; firstAt + index * script.intervalMs < to; index += 1) {
      values.push((tokensAt[index] ?? now) - (firstAt + index * script.intervalMs));
    }
  }
  return quantile(values, 0.99);
}

async function answer(asked: LoadRequest): Promise<LoadAnswer> {
  if (asked.type === 'lateness') return { type: 'lateness', p99: lateness(asked) };
  if (asked.type === 'tokens') {
    return { type: 'tokens', count: runs.reduce((sum, { tokensAt }) => sum + tokensAt.length, 0) };
  }
  const opened = Array.from({ length: asked.runs }, (_, index): Run => {
    return { chatId: `load-${runs.length + index}`, tokensAt: [], script: asked.script };
  });
  runs.push(...opened);
  await Promise.all(opened.map(open));
  return { type: 'open' };
}

process.on('message', (asked: LoadRequest) => {
  answer(asked).then(
    (answered) => process.send?.(answered),
    (error) => process.send?.({ type: 'failed', error: String(error) } satisfies LoadAnswer),
  );
});
process.on('disconnect', () => process.exit());

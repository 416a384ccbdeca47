// Many readers of one address in a process of their own, so that their work is not taken for the server's: `herd.ts <url> <count> <until>`.
// Each reads until the text `until` has come. Answers how long it took until all had it, in milliseconds.
import { get } from 'node:http';
import { nowMs } from '../clock.ts';

const [url = '', count = '0', until = ''] = process.argv.slice(2);

function read(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      let tail = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        tail = (tail + text).slice(-(text.length + until.length));
        if (!tail.includes(until)) return;
        resolve();
        request.destroy();
      });
      response.on('end', () => reject(new Error(`A reader got ${response.statusCode} and no "${until}": ${tail}`)));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

const startedAt = nowMs();
await Promise.all(Array.from({ length: Number(count) }, read));
process.send?.(nowMs() - startedAt);
process.exit();

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startProcess } from '@chat-transport/local-services';

/** Debian's nginx with the server of `nginx.conf`, in front of `port`. It compresses whatever nginx lets it compress. */
export async function startNginx(port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
  const own = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  mkdirSync(join(folder, 'temp'));
  const server = readFileSync(join(import.meta.dirname, '../nginx.conf'), 'utf8')
    .replace('listen 80', `listen 127.0.0.1:${own}`)
    .replace('127.0.0.1:3000', `127.0.0.1:${port}`);
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const lines = [
    'daemon off; master_process off; error_log stderr; pid nginx.pid;',
    'events {}',
    'http {',
    'access_log off; gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;',
    ...temps.map((name) => `${name}_temp_path temp/${name};`),
    server,
    '}',
  ];
  writeFileSync(join(folder, 'nginx.conf'), lines.join('\n'));
  const nginx = await startProcess({
    command: '/usr/sbin/nginx',
    parameters: ['-p', folder, '-c', join(folder, 'nginx.conf')],
    port: own,
    probe: { say: 'GET /robots.txt HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 ' },
  });
  return {
    url: `http://127.0.0.1:${own}`,
    async close() {
      await nginx.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Runs a root script's command. Where Node is too old for this project, or npm and not pnpm is the caller, it starts the same root
// script again under the right versions, which npx takes from npm. Plain JavaScript, so that an old Node can read it.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const [command, ...extra] = process.argv.slice(2);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const nodeIsNew = major > 22 || (major === 22 && minor >= 19);
const underPnpm = (process.env.npm_config_user_agent ?? '').startsWith('pnpm/');

const quoted = extra.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`);
const silent = process.env.npm_config_loglevel === 'silent' ? ['--silent'] : [];
const again = ['exec pnpm', ...silent, 'run', process.env.npm_lifecycle_event, ...quoted].join(' ');
const [file, ...args] =
  nodeIsNew && underPnpm
    ? ['bash', '-c', ['exec', command, ...quoted].join(' ')]
    : ['npx', '-y', ...(nodeIsNew ? [] : ['-p', 'node@24']), '-p', 'pnpm@10.34.9', '-c', again];

const child = spawn(file, args, {
  stdio: 'inherit',
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // A terminal's Ctrl-C reaches the child by itself, and twice means "at once" to many tools.
  process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal));
}
child.on('error', (error) => {
  process.stderr.write(`Cannot start ${file}: ${error.message}\n`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});

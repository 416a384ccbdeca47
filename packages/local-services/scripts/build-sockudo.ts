// Builds sockudo, unless that has been done, and prints where it is. Its first run takes minutes.
import { buildSockudo } from '../src/sockudo-server.ts';

process.stdout.write(`${await buildSockudo()}\n`);

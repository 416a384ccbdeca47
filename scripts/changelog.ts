// Writes CHANGELOG.md from the changelogs of the packages, which `changeset version` has written.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { joinChangelogs } from './join-changelogs.ts';

const root = dirname(import.meta.dirname);
const files = globSync('packages/*/CHANGELOG.md', { cwd: root }).sort();
const changelogs = files.map((file) => ({
  name: file.split('/')[1] ?? file,
  text: readFileSync(join(root, file), 'utf8'),
}));
writeFileSync(join(root, 'CHANGELOG.md'), joinChangelogs(changelogs));

// `pnpm version-packages`: turns the changesets into versions and changelogs. Without changesets it changes nothing and
// succeeds: `pnpm release` runs it again when the pull request with the new versions was merged, and publishes after it.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const commands = ['changeset version', 'node scripts/changelog.ts', 'biome format --write .'];
const changesets = readdirSync('.changeset').filter((name) => name.endsWith('.md') && name !== 'README.md');

if (changesets.length === 0) console.log(`No changesets in ${join(process.cwd(), '.changeset')}: the versions stay.`);
// `changeset version` alone exits with 1 where there is nothing to do.
else for (const command of commands) run(command);

function run(command: string): void {
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

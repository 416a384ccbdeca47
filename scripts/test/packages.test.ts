import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly version: string;
  readonly homepage: string;
  readonly repository: { readonly url: string; readonly directory: string };
  readonly publishConfig: { readonly access: string; readonly provenance: boolean };
}

const root = dirname(dirname(import.meta.dirname));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifestOf = (folder: string): Manifest => JSON.parse(read(join(folder, 'package.json')));
const project = manifestOf('.');
const published = globSync('packages/*/package.json', { cwd: root })
  .map(dirname)
  .filter((folder) => !manifestOf(folder).private);

it('publishes all packages with one version', () => {
  expect(new Set(published.map((folder) => manifestOf(folder).version)).size).toBe(1);
});

describe.each(published)('%s', (folder) => {
  const manifest = manifestOf(folder);

  it('is published with provenance, which npm refuses for another repository than the one of the build', () => {
    expect(manifest.publishConfig).toEqual({ access: 'public', provenance: true });
    expect(manifest.repository).toMatchObject({ url: project.repository.url, directory: folder });
  });

  it('links to its page of the site', () => {
    expect(manifest.homepage).toBe(`${project.homepage}${folder}`);
    expect(read(join(folder, 'README.md'))).toContain(`](${manifest.homepage})`);
  });
});

/** One package's CHANGELOG.md. */
export interface Changelog {
  readonly name: string;
  readonly text: string;
}

/** The packages of each entry, by the kind of the change. */
type Kinds = Map<string, Map<string, string[]>>;

/** One changelog for all packages: each change once, with the packages that it concerns. The newest version is first. */
export function joinChangelogs(changelogs: readonly Changelog[]): string {
  const versions = new Map<string, Kinds>();
  for (const { name, text } of changelogs) {
    for (const [version, body] of headed(text, '## ')) {
      const kinds = take(versions, version, (): Kinds => new Map());
      for (const [kind, entries] of headed(body, '### ')) {
        const packagesOf = take(kinds, kind, () => new Map<string, string[]>());
        for (const entry of split(entries, /^- /m)) take(packagesOf, entry, (): string[] => []).push(name);
      }
    }
  }
  const newestFirst = [...versions].sort(([a], [b]) => b.localeCompare(a, 'en', { numeric: true }));
  const sections = newestFirst.map(([version, kinds]) => {
    const parts = kindOrder.filter((kind) => kinds.has(kind)).map((kind) => `### ${kind}\n\n${list(kinds.get(kind))}`);
    return [`## ${version}`, ...parts].join('\n\n');
  });
  return `${['# Changelog', 'All packages share one version.', ...sections].join('\n\n')}\n`;
}

const kindOrder = ['Major Changes', 'Minor Changes', 'Patch Changes'];

function list(entries: ReadonlyMap<string, readonly string[]> = new Map()): string {
  return [...entries].map(([entry, names]) => `- **${names.join(', ')}:** ${entry}`).join('\n');
}

/** The parts of a text under headings of one level, with their headings. What comes before the first heading is left out. */
function headed(text: string, mark: string): [heading: string, body: string][] {
  return split(text, new RegExp(`^${mark}`, 'm'), 1).map((part) => {
    const [heading = '', ...body] = part.split('\n');
    return [heading.trim(), body.join('\n')];
  });
}

function split(text: string, separator: RegExp, from = 0): string[] {
  return `\n${text}`
    .split(separator)
    .slice(from)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function take<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { outsideFences } from './collect.ts';

/** What {@link checkLinks} counted, and what is wrong, as sentences. */
export interface LinkReport {
  readonly links: number;
  readonly problems: readonly string[];
}

/**
 * Checks the built site: each link to a page, a file or a heading of the site leads there, each image of a page and of its
 * Markdown is a file of the site, and no page loads a script, a style, a font or an image from another host.
 */
export function checkLinks(outDir: string, base: string): LinkReport {
  const files = globSync('**/*.html', { cwd: outDir });
  const texts = new Map(files.map((file) => [file, readFileSync(join(outDir, file), 'utf8')]));
  const ids = new Map(
    [...texts].map(([file, text]) => [file, new Set([...text.matchAll(/ id="([^"]+)"/g)].map(group))]),
  );
  const problems: string[] = [];
  let links = 0;
  for (const [file, text] of texts) {
    for (const [, name] of text.matchAll(
      /<(?:script|link|img|iframe|source)\b[^>]*\s(?:src|href)="((?:https?:)?\/\/[^"]+)"/g,
    ))
      problems.push(`${file}: loads ${name}`);
    for (const href of [...text.matchAll(/<a\b[^>]*\shref="([^"]+)"/g)].map(group)) {
      if (/^[a-z]+:/.test(href)) continue;
      links += 1;
      const [path = '', anchor = ''] = href.replaceAll('&amp;', '&').split('#');
      const target = path === '' ? file : fileOf(path, file);
      if (target === undefined) problems.push(`${file}: there is no ${href}`);
      else if (anchor !== '' && target.endsWith('.html') && !ids.get(target)?.has(decodeURIComponent(anchor)))
        problems.push(`${file}: ${href} names no heading`);
    }
    for (const image of [...text.matchAll(/<img\b[^>]*\ssrc="([^"]+)"/g)].map(group)) reportMissing(image, file);
  }
  for (const file of globSync('**/*.md', { cwd: outDir })) {
    const text = outsideFences(readFileSync(join(outDir, file), 'utf8'), (part) => part, '');
    for (const image of [...text.matchAll(/!\[[^\]]*\]\(([^()\s]+)\)/g)].map(group)) reportMissing(image, file);
  }
  for (const style of globSync('**/*.css', { cwd: outDir })) {
    for (const address of [
      ...readFileSync(join(outDir, style), 'utf8').matchAll(/url\(["']?((?:https?:)?\/\/[^)]+)\)/g),
    ].map(group))
      problems.push(`${style}: loads ${address}`);
  }
  return { links, problems: [...new Set(problems)] };

  function reportMissing(image: string, from: string): void {
    if (!/^([a-z]+:|\/\/)/.test(image) && !isFile(inside(image, from)))
      problems.push(`${from}: there is no image ${image}`);
  }

  function inside(path: string, from: string): string {
    return path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(from), path);
  }

  function fileOf(path: string, from: string): string | undefined {
    const found = inside(path, from);
    const candidates = [found, `${found}.html`, posix.join(found, 'index.html')];
    return candidates.find((each) => each !== '' && texts.has(each)) ?? (isFile(found) ? found : undefined);
  }

  function isFile(path: string): boolean {
    return /\.\w+$/.test(path) && existsSync(join(outDir, path));
  }
}

function group([, text = '']: RegExpMatchArray): string {
  return text;
}

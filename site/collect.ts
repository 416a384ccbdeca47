// Copies the repository's Markdown into `.pages/`, in the form that the site and its readers get: links point at pages, and hidden
// comments are gone.
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { type Page, pages } from './pages.ts';

/** The repository's root. */
export const root: string = dirname(import.meta.dirname);
/** The folder that VitePress reads. It is generated and not committed. */
export const pagesFolder: string = join(import.meta.dirname, '.pages');

/**
 * Writes every page to {@link pagesFolder}.
 * @returns what is wrong with the links, as sentences that name file and line.
 */
export function collect(): string[] {
  const problems: string[] = [];
  for (const page of pages) {
    const { text, problems: found, images } = convert(page, readFileSync(join(root, page.source), 'utf8'));
    problems.push(...found);
    const target = join(pagesFolder, page.target);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    for (const image of images) {
      const copy = join(dirname(target), image);
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(join(root, dirname(page.source), image), copy);
    }
  }
  return problems;
}

const inlineLink = /(!?)\[((?:[^[\]]|\[[^[\]]*\])*)\]\(([^()\s]+)\)/g;

/**
 * Converts one page: drops HTML comments, and makes links between files of the repository links between pages of the site.
 * @returns the page's own images too, as paths from the page.
 */
export function convert(page: Page, markdown: string): { text: string; problems: string[]; images: string[] } {
  const problems: string[] = [];
  const images: string[] = [];
  const text = outsideFences(markdown, (part, line) => {
    // A comment keeps its lines until problems have been found, so that they are reported where they are.
    const visible = part.replaceAll(/<!--[\s\S]*?-->/g, (comment) => comment.replaceAll(/[^\n]/g, ''));
    return visible
      .replaceAll(inlineLink, (whole, mark: string, label: string, href: string, at: number) => {
        const found = resolve(page, href);
        if (found === undefined) {
          const where = line + visible.slice(0, at).split('\n').length - 1;
          problems.push(`${page.source}:${where}: there is no ${href}`);
          return whole;
        }
        if (found === null && mark) {
          images.push(href);
          return whole;
        }
        return found === null ? label : `${mark}[${label}](${found})`;
      })
      .replaceAll(/\n{3,}/g, '\n\n');
  });
  return { text, problems, images };
}

/** The address of a link's target, seen from the page. `null`: a file that is not on the site. `undefined`: nothing is there. */
function resolve(page: Page, href: string): string | null | undefined {
  if (/^(https?:|mailto:|#)/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const file = posix.join(posix.dirname(page.source), path).replace(/\/$/, '');
  if (!existsSync(join(root, file))) return undefined;
  const source = statSync(join(root, file)).isDirectory() ? `${file}/README.md` : file;
  const target = pages.find((each) => each.source === source)?.target;
  if (target === undefined) return null;
  const relative = posix.relative(posix.dirname(page.target), target);
  return `${relative.startsWith('.') ? relative : `./${relative}`}${anchor === undefined ? '' : `#${anchor}`}`;
}

/**
 * Changes the parts of a document that are not fenced code. `change` gets each part with the number of its first line.
 * @param code what stands for a line of fenced code. By default the line itself.
 */
export function outsideFences(markdown: string, change: (part: string, line: number) => string, code?: string): string {
  let marker = '';
  let part: string[] = [];
  const out: string[] = [];
  const lines = markdown.split('\n');
  const flush = (end: number): void => {
    if (part.length > 0) out.push(change(part.join('\n'), end - part.length + 1));
    part = [];
  };
  for (const [index, line] of lines.entries()) {
    const fence = /^ *(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    const opens = marker === '' && fence !== '';
    if (opens) {
      flush(index);
      marker = fence;
    }
    if (marker === '') part.push(line);
    else out.push(code ?? line);
    if (!opens && marker !== '' && line.trim() === marker) marker = '';
  }
  flush(lines.length);
  return out.join('\n');
}

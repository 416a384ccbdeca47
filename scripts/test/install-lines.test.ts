import { describe, expect, it } from 'vitest';
import { missingInstalls } from '../install-lines.ts';

const block = (code: string) => ({ document: 'README.md', line: 7, language: 'ts' as const, code });

describe('missingInstalls', () => {
  it('names what a block imports and no install line has, once', () => {
    const blocks = [
      block("import { a } from 'one/part';\nimport {\n  b,\n} from '@scope/two/part';"),
      block("import 'three';\nexport { c } from 'four';\nimport type { A } from 'one';"),
    ];
    expect(missingInstalls('README.md', '```sh\nnpm install one\nnpm install --save-dev four\n```', blocks)).toEqual([
      'README.md:7: imports @scope/two, which no "npm install" line of the page installs',
      'README.md:7: imports three, which no "npm install" line of the page installs',
    ]);
  });

  it('wants nothing for the page’s own files and for what Node and Workers bring', () => {
    const code = "import { join } from 'path';\nimport 'node:fs';\nimport 'cloudflare:workers';\nimport './own.ts';";
    expect(missingInstalls('README.md', 'npm install one', [block(code)])).toEqual([]);
  });

  it('leaves a page without an install line alone', () => {
    expect(missingInstalls('docs/page.md', '# Page', [block("import 'one';")])).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('shows the configuration of nginx that the Express example is tested with', () => {
  expect(read('docs/deployment.md')).toContain(`\`\`\`nginx\n${read('examples/express/nginx.conf')}\`\`\``);
});

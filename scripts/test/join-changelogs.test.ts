import { expect, it } from 'vitest';
import { joinChangelogs } from '../join-changelogs.ts';

it('lists each change once, with the packages that it concerns, the newest version first', () => {
  const core =
    '# core\n\n## 0.10.0\n\n### Patch Changes\n\n- Fix.\n\n## 0.9.0\n\n### Minor Changes\n\n- One.\n  Two.\n- Three.\n';
  const redis =
    '# redis\n\n## 0.10.0\n\n## 0.9.0\n\n### Patch Changes\n\n- Four.\n\n### Minor Changes\n\n- One.\n  Two.\n';
  const joined = joinChangelogs([
    { name: 'core', text: core },
    { name: 'redis', text: redis },
  ]);
  expect(joined).toBe(
    [
      '# Changelog\n\nAll packages share one version.\n\n## 0.10.0\n\n### Patch Changes\n\n- **core:** Fix.',
      '## 0.9.0\n\n### Minor Changes\n\n- **core, redis:** One.\n  Two.\n- **core:** Three.',
      '### Patch Changes\n\n- **redis:** Four.\n',
    ].join('\n\n'),
  );
});

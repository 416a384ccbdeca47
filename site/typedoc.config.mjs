import { Converter, ReflectionKind } from 'typedoc';

/** The doors of the published packages: one page of the reference each. */
const doors = [
  ...['index', 'react', 'server', 'provider', 'memory'].map((door) => `core/src/${door}`),
  ...['ably', 'fanout', 'partykit', 'pusher', 'supabase', 'websocket'].flatMap((name) => [
    `${name}/src/index`,
    `${name}/src/server`,
  ]),
  'partykit/src/remote',
  'postgres/src/index',
  'redis/src/index',
  'sqlite/src/index',
  'sqlite/src/sql',
  'contract/src/index',
];

/** Names each module as its package's `exports` do: `core/src/server` becomes `core/server`. */
function nameModulesAfterDoors(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const module of context.project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = module.name.replace(/\/src(?:\/index)?(?=$|\/)/, '');
    }
  });
}

/** @type {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} */
const options = {
  name: 'API reference',
  entryPoints: doors.map((door) => `../packages/${door}.ts`),
  basePath: '../packages',
  displayBasePath: '../packages',
  tsconfig: './tsconfig.typedoc.json',
  plugin: ['typedoc-plugin-markdown', nameModulesAfterDoors],
  out: '.pages/api',
  outputFileStrategy: 'modules',
  readme: 'none',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeInternal: true,
  skipErrorChecking: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  expandObjects: false,
  blockTags: [
    '@default',
    '@example',
    '@param',
    '@remarks',
    '@returns',
    '@see',
    '@source',
    '@throws',
    '@typeParam',
    '@deprecated',
  ],
  logLevel: 'Warn',
  validation: false,
  githubPages: false,
  useHTMLAnchors: true,
};

export default options;

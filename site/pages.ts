/** One page of the site. */
export interface Page {
  /** The Markdown file, relative to the repository's root. */
  readonly source: string;
  /** The page's file on the site, relative to its root. */
  readonly target: string;
  /** Its name in the sidebar and in `llms.txt`. */
  readonly title: string;
}

/** Pages that belong together, in reading order. */
export interface Section {
  readonly title: string;
  readonly pages: readonly Page[];
}

const guide = (name: string, title: string): Page => ({ source: `docs/${name}.md`, target: `${name}.md`, title });
const inFolder = (folder: string, name: string, title = name): Page => ({
  source: `${folder}/${name}/README.md`,
  target: `${folder}/${name}.md`,
  title,
});
const decision = (name: string, title: string): Page => ({
  source: `docs/decisions/${name}.md`,
  target: `decisions/${name}.md`,
  title,
});

/** Every page that is made from the repository's Markdown. The API reference is generated beside these. */
export const sections: readonly Section[] = [
  {
    title: 'Start',
    pages: [
      { source: 'README.md', target: 'index.md', title: 'What it is' },
      guide('getting-started', 'Getting started'),
      guide('choosing', 'Choosing a provider and a log'),
      guide('migrating', 'Migrating'),
    ],
  },
  {
    title: 'Guides',
    pages: [
      guide('client', 'Client'),
      guide('plain-use-chat', 'Plain useChat'),
      guide('server', 'Server'),
      guide('deployment', 'Deployment'),
      guide('typed-messages', 'Typed messages'),
      guide('tools', 'Tools, approvals and queues'),
      guide('attachments', 'Attachments'),
      guide('security', 'Security'),
      guide('errors', 'Errors'),
      guide('what-survives', 'What survives'),
      guide('hand-over', 'Hand-over'),
      guide('performance', 'Performance'),
    ],
  },
  {
    title: 'Providers',
    pages: ['websocket', 'partykit', 'pusher', 'ably', 'fanout', 'supabase'].map((name) => inFolder('packages', name)),
  },
  { title: 'Logs', pages: ['sqlite', 'redis', 'postgres'].map((name) => inFolder('packages', name)) },
  {
    title: 'Examples',
    pages: [
      inFolder('examples', 'playground', 'Playground'),
      inFolder('examples', 'next-pusher', 'Next.js and Pusher'),
      inFolder('examples', 'next-ably', 'Next.js and Ably'),
      inFolder('examples', 'next-fanout', 'Next.js and Fanout'),
      inFolder('examples', 'next-supabase', 'Next.js and Supabase'),
      inFolder('examples', 'partykit', 'PartyKit'),
      inFolder('examples', 'next-websocket', 'Next.js with sockets'),
      inFolder('examples', 'express', 'Express'),
      inFolder('examples', 'vue', 'Vue'),
      inFolder('examples', 'svelte', 'Svelte'),
      inFolder('examples', 'react-native', 'React Native'),
      inFolder('examples', 'server-initiated', 'A turn that the server starts'),
    ],
  },
  {
    title: 'How it works',
    pages: [
      guide('architecture', 'Architecture'),
      guide('glossary', 'Glossary'),
      { source: 'PROTOCOL.md', target: 'protocol.md', title: 'Protocol' },
      decision('append-before-delivery', 'Decision: append before delivery'),
      decision('log-is-the-bus', 'Decision: the log is the bus'),
      decision('cancel-in-the-log', 'Decision: a cancel is written to the log'),
    ],
  },
  {
    title: 'Extending',
    pages: [
      guide('writing-a-provider', 'Writing a provider'),
      guide('writing-a-log', 'Writing a log'),
      inFolder('packages', 'core'),
      inFolder('packages', 'contract'),
      inFolder('packages', 'simulation'),
      inFolder('packages', 'local-services'),
      { source: 'CONTRIBUTING.md', target: 'contributing.md', title: 'Contributing' },
      { source: 'CHANGELOG.md', target: 'changelog.md', title: 'Changelog' },
      { source: 'SECURITY.md', target: 'security-policy.md', title: 'Security policy' },
    ],
  },
];

/** All pages, in reading order. */
export const pages: readonly Page[] = sections.flatMap((section) => section.pages);

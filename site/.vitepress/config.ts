import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { apiPages } from '../api-pages.ts';
import { pagesFolder } from '../collect.ts';
import { sections } from '../pages.ts';

/** Where the site is served from, with slashes around it: `/chat-transport/` on GitHub Pages. */
const base = process.env.DOCS_BASE ?? '/';
const address = (target: string): string => `/${target.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`;

/** A speech bubble with a line that goes on. In the page itself: nothing more is requested. */
const bubble = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#2450d8" d="M2 2h12v9H7l-3 3v-3H2z"/><path stroke="#fff" stroke-width="1.5" d="M4.5 5.5h7M4.5 8h4"/></svg>`;
const icon = `data:image/svg+xml,${encodeURIComponent(bubble)}`;

export default defineConfig({
  title: 'chat-transport',
  description: 'Chat answers that survive reloads, lost networks and closed tabs, for useChat of the AI SDK.',
  lang: 'en',
  base,
  vite: { build: { chunkSizeWarningLimit: 1000 } },
  srcDir: pagesFolder,
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: icon }]],
  lastUpdated: false,
  // The headings' anchors are the ones that GitHub makes, so that a link works in both places.
  markdown: { anchor: { slugify: slug }, theme: { light: 'github-light-high-contrast', dark: 'github-dark' } },
  themeConfig: {
    search: {
      provider: 'local',
      // Guides come before the generated reference, which has many short pages that are nothing but the word.
      options: { miniSearch: { searchOptions: { boostDocument: (id: string) => (id.includes('/api/') ? 0.2 : 1) } } },
    },
    outline: { level: [2, 3] },
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Client', link: '/client' },
      { text: 'Server', link: '/server' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: [
      ...sections.map(({ title, pages }) => ({
        text: title,
        items: pages.map((page) => ({ text: page.title, link: address(page.target) })),
      })),
      {
        text: 'API reference',
        collapsed: true,
        items: apiPages().map((page) => ({ text: page.title, link: address(page.target) })),
      },
    ],
  },
});

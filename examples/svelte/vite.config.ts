import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  // The page is built from the workspace's source: nothing has to be built before it.
  resolve: { conditions: ['@chat-transport/source', ...defaultClientConditions] },
  build: { chunkSizeWarningLimit: 1000 },
});

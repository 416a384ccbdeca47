import vue from '@vitejs/plugin-vue';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  plugins: [vue()],
  // The page is built from the workspace's source: nothing has to be built before it.
  resolve: { conditions: ['@chat-transport/source', ...defaultClientConditions] },
  build: { chunkSizeWarningLimit: 1000 },
});

import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The page is built from the workspace's source: nothing has to be built before it.
  resolve: { conditions: ['@chat-transport/source', ...defaultClientConditions] },
  build: { chunkSizeWarningLimit: 1000 },
  // `vite dev` beside the server: requests and sockets of the chat go there.
  server: { proxy: { '/api/chat': { target: 'http://localhost:3000', ws: true } } },
});

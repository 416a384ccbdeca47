import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

const here = (name: string): string => join(import.meta.dirname, 'test', name);

// What is native on a phone is modelled here; the JavaScript above it is Expo's own.
export default mergeConfig(
  shared,
  defineConfig({
    resolve: { alias: { 'expo-modules-core': here('native-fetch.ts'), 'react-native': here('native-app-state.ts') } },
    test: { setupFiles: [here('expo-globals.ts')], server: { deps: { inline: [/\/expo\//] } } },
  }),
);

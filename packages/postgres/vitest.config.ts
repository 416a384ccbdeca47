import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// The suite's longest case sends 2,000 commands, and PGlite is slow beside other tests.
export default mergeConfig(shared, { test: { testTimeout: 240_000 } });

import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';
import { documents } from './test/support/documents.ts';

export default mergeConfig(shared, { plugins: [documents({ runsSuites: true })] });

// Checks chunks with the AI SDK's own schema under another release of zod: `workerData` names the package that stands for it.
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

registerHooks({
  resolve(specifier, context, next) {
    const isZod = specifier === 'zod' || specifier.startsWith('zod/');
    if (!isZod) return next(specifier, context);
    return next(workerData.zod + specifier.slice('zod'.length), { ...context, parentURL: import.meta.url });
  },
});
const { uiMessageChunkSchema, safeValidateUIMessages } = await import('ai');
const { safeValidateTypes } = await import('@ai-sdk/provider-utils');

parentPort.on('message', async ({ id, chunks, messages }) => {
  const refused = [];
  for (const value of chunks ?? []) {
    const { success } = await safeValidateTypes({ value, schema: uiMessageChunkSchema });
    if (!success) refused.push(value);
  }
  for (const message of messages ?? []) {
    const { success } = await safeValidateUIMessages({ messages: [message] });
    if (!success) refused.push(message);
  }
  parentPort.postMessage({ id, refused });
});
parentPort.postMessage({ ready: true });

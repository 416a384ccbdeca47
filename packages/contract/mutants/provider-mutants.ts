import type { Mutant } from './mutant.ts';

const file = 'docs/writing-a-provider.md';

/** Providers that break a promise: the one of the page, with a mistake in it. */
export const providerMutants: readonly Mutant[] = [
  {
    id: 'provider-is-live-for-one-page',
    file,
    find: '      listener.onLive();\n',
    replace: `      const { livePages } = Object.assign(globalThis, { livePages: (globalThis as { livePages?: Set<string> }).livePages ?? new Set<string>() });
      if (!livePages.has(name)) listener.onLive();
      livePages.add(name);\n`,
    killedBy: 'devices/live',
  },
  {
    id: 'provider-has-one-channel-for-all',
    file,
    find: ".update(chatId).digest('base64url')",
    replace: ".update('chat').digest('base64url')",
    killedBy: 'supports/channels',
  },
  {
    id: 'provider-asks-nobody',
    file,
    find: '      await allow(chatId);\n',
    replace: '',
    killedBy: 'credential/other-chat',
  },
  {
    id: 'provider-is-not-ordered',
    file,
    find: 'channel.postMessage(data);\n      channel.close();',
    replace: 'setTimeout(() => (channel.postMessage(data), channel.close()), Math.random() * 20);',
    killedBy: 'supports/ordered',
  },
  {
    id: 'provider-drops-every-fifth',
    file,
    find: 'channel.postMessage(data);',
    replace: 'if (Math.random() > 0.2) channel.postMessage(data);',
    killedBy: 'supports/ordered',
  },
  {
    id: 'provider-wraps-messages',
    file,
    find: 'listener.onMessage(data);',
    replace: 'listener.onMessage(JSON.stringify({ data }));',
    killedBy: 'delivery/realtime-alone',
  },
];

/** A variable that the deployment must set. Read when it is needed, so that building needs none. */
export function setting(name: 'GRIP_URL' | 'CHAT_SECRET'): string {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}: README.md says to what.`);
  return value;
}

/** Where pages open their connections, when the proxy has an address of its own. Otherwise the whole app is behind the proxy. */
export function socketUrl(): string | undefined {
  const { PROXY_URL } = process.env;
  return PROXY_URL && new URL('/api/chat/socket', PROXY_URL).href;
}

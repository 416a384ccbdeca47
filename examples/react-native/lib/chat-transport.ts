import { wakeUp } from '@chat-transport/core';
import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import { AppState } from 'react-native';

/**
 * The transport of an app. Streams need Expo's `fetch`, which Expo has made the global one: React Native's own waits for the whole response.
 * There is no page that an address could be relative to, so `api` is absolute.
 */
export function createAppTransport(api: string): RealtimeWebSocketTransport {
  // A system that suspends the app cuts its connections. A page hears of its return by itself, an app does not.
  AppState.addEventListener('change', (state) => {
    if (state === 'active') wakeUp();
  });
  return new RealtimeWebSocketTransport({ api });
}

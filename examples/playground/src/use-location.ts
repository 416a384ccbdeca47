import { useSyncExternalStore } from 'react';

const changed = 'playground-location';

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener);
  addEventListener(changed, listener);
  return () => {
    removeEventListener('popstate', listener);
    removeEventListener(changed, listener);
  };
}

/** Navigates inside the page, without loading it again. */
export function navigate(url: string): void {
  history.pushState(null, '', url);
  dispatchEvent(new Event(changed));
}

/** The address of the view. */
export function useLocation(): URL {
  return new URL(useSyncExternalStore(subscribe, () => location.href));
}

export function newChatId(): string {
  return crypto.randomUUID().slice(0, 13);
}

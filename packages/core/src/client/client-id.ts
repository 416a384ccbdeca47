import { generateId } from '@ai-sdk/provider-utils';

const key = 'chat-transport:client-id';
let ofThisPage: string | undefined;

/**
 * The id of this page, kept over a reload. It is taken out of the session storage while the page lives and put back when it goes:
 * a duplicated tab copies the storage, and two pages with one id would both run a client tool.
 */
export function pageClientId(): string {
  try {
    if (!ofThisPage) {
      take();
      addEventListener('pagehide', () => {
        sessionStorage[key] = ofThisPage;
      });
      addEventListener('pageshow', take);
    }
  } catch {
    // No page here (a server, a worker, React Native), or one without a storage: an id for this process.
  }
  ofThisPage ??= generateId();
  return ofThisPage;
}

function take(): void {
  ofThisPage ??= sessionStorage[key];
  delete sessionStorage[key];
}

import { generateId } from '@ai-sdk/provider-utils';

const key = 'chat-transport:client-id';
let ofThisPage: string | undefined;

/**
 * The id of this page, kept over a reload. It is taken out of the session storage while the page lives and put back when it goes:
 * a duplicated tab copies the storage, and two pages with one id would both run a client tool.
 */
export function pageClientId(): string {
  if (ofThisPage) return ofThisPage;
  const id = take() ?? generateId();
  ofThisPage = id;
  try {
    addEventListener('pagehide', () => {
      sessionStorage[key] = id;
    });
    addEventListener('pageshow', take);
  } catch {
    // No page here (a server, a worker, React Native): an id for this process.
  }
  return id;
}

function take(): string | undefined {
  try {
    const id: string | undefined = sessionStorage[key];
    delete sessionStorage[key];
    return id;
  } catch {
    return undefined;
  }
}

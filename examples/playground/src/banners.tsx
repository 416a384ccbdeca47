import type { Connection } from '@chat-transport/core';
import type { ReactNode } from 'react';
import { useDelayed } from './use-delayed.ts';

/** How long a device is offline before a banner says so, in milliseconds. */
const bannerAfterMs = 1000;

interface BannersProps {
  readonly connection: Connection;
  /** Ends the cut of this tab's network; absent where there is none. */
  readonly onRestore: (() => void) | undefined;
}

/** What a person has to know about the connection: that it is refused, or that there is none. */
export function Banners({ connection, onRestore }: BannersProps): ReactNode {
  const isOffline = useDelayed(connection.state === 'offline', bannerAfterMs);
  if (connection.state === 'refused') {
    const isAccess = ['unauthorized', 'forbidden'].includes(connection.error.code);
    return (
      <div className="banner refused" role="alert">
        <p>
          <b>{isAccess ? 'No access.' : 'Not connected.'}</b> {connection.error.message}
        </p>
        <button type="button" onClick={connection.retry}>
          Try again
        </button>
      </div>
    );
  }
  if (!isOffline) return null;
  return (
    <div className="banner" role="alert">
      <p>
        <b>You are offline.</b> What you miss arrives when you are back.
      </p>
      {onRestore && (
        <button type="button" onClick={onRestore}>
          Restore network
        </button>
      )}
    </div>
  );
}

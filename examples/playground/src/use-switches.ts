import { useEffect, useState } from 'react';
import { changeSwitches, nothingBroken, readSwitches, type Switches } from './device.ts';

/** What is broken for this tab, and the way to change it. What is shown is what the server has confirmed. */
export function useSwitches(device: string | null): {
  readonly switches: Switches;
  readonly change: (next: Partial<Switches>) => void;
} {
  const [switches, setSwitches] = useState(nothingBroken);

  useEffect(() => {
    if (device) readSwitches(device).then(setSwitches, () => undefined);
  }, [device]);

  return {
    switches,
    change(next) {
      if (!device) return;
      changeSwitches(device, next).then(
        (confirmed) => setSwitches((known) => ({ ...known, ...confirmed })),
        // The server is away: nothing has changed.
        () => undefined,
      );
    },
  };
}

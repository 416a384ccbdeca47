import type { ReactNode } from 'react';
import type { Access, NetworkMode, PathName, Switches } from './device.ts';

interface BreakPanelProps {
  readonly switches: Switches;
  readonly onChange: (change: Partial<Switches>) => void;
  /** Whether the tab has a network of its own. */
  readonly isPossible: boolean;
}

const modes: Record<NetworkMode, string> = {
  online: 'Online',
  closed: 'Cut: connections are reset',
  'half-open': 'Half-open: nothing passes any more',
};
const paths: Record<PathName, string> = {
  websocket: 'Refuse WebSockets',
  response: 'Cut responses',
  sse: 'Hold back event streams',
};
const accesses: Record<Access, string> = {
  open: 'Allowed',
  'read-only': 'Read only (403 for all else)',
  'signed-out': 'Signed out (401)',
  forbidden: 'Forbidden (403)',
};

const keysOf = <K extends string>(record: Record<K, string>): K[] => Object.keys(record) as K[];

/** The switches that break things for this tab alone. Opened by a button with `popoverTarget="break-panel"`. */
export function BreakPanel({ switches, onChange, isPossible }: BreakPanelProps): ReactNode {
  return (
    <section id="break-panel" popover="auto" className="panel" aria-label="Break things">
      <header>
        <h2>Break things, in this tab only</h2>
        <button type="button" className="quiet" popoverTarget="break-panel" popoverTargetAction="hide">
          Close
        </button>
      </header>
      {isPossible ? (
        <Controls switches={switches} onChange={onChange} />
      ) : (
        <p className="hint">This browser does not know hosts like tab.localhost, so nothing can be broken here.</p>
      )}
    </section>
  );
}

function Controls({ switches, onChange }: Omit<BreakPanelProps, 'isPossible'>): ReactNode {
  const { mode, blocked, access } = switches;
  return (
    <>
      <fieldset>
        <legend>Network</legend>
        {keysOf(modes).map((each) => (
          <label key={each}>
            <input type="radio" name="mode" checked={mode === each} onChange={() => onChange({ mode: each })} />
            {modes[each]}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Paths</legend>
        {keysOf(paths).map((each) => (
          <label key={each}>
            <input
              type="checkbox"
              checked={blocked.includes(each)}
              onChange={({ target }) =>
                onChange({ blocked: target.checked ? [...blocked, each] : blocked.filter((path) => path !== each) })
              }
            />
            {paths[each]}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Access to chats</legend>
        {keysOf(accesses).map((each) => (
          <label key={each}>
            <input type="radio" name="access" checked={access === each} onChange={() => onChange({ access: each })} />
            {accesses[each]}
          </label>
        ))}
      </fieldset>
    </>
  );
}

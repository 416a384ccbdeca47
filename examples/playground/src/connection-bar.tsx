import { type ReactNode, useEffect, useState } from 'react';
import { type Device, type NetworkMode, type NetworkState, network, type PathName } from './device.ts';

interface ConnectionBarProps {
  readonly connection: { readonly state: string; readonly path: string | null };
  readonly device: Device;
}

const pathLabels: Record<PathName, string> = {
  websocket: 'Refuse WebSockets',
  response: 'Cut responses',
  sse: 'Hold back event streams',
};

/** Shows the connection, and the switches of this tab's network. */
export function ConnectionBar({ connection, device }: ConnectionBarProps): ReactNode {
  const [state, setState] = useState<NetworkState>({ mode: 'online', blocked: [] });
  const [kind, setKind] = useState<Exclude<NetworkMode, 'online'>>('closed');
  const name = device.name;

  useEffect(() => {
    if (name) network(name).then(setState, () => undefined);
  }, [name]);

  const change = (next: Partial<NetworkState>): void => {
    if (name) network(name, next).then(setState, () => undefined);
  };
  const cut = state.mode !== 'online';

  return (
    <section className="connection-bar" aria-label="Connection">
      <div className="column">
        <p className="pills">
          <span className="pill" data-testid="connection" data-state={connection.state}>
            {connection.state}
          </span>
          <span className="pill plain">
            path <b data-testid="path">{connection.path ?? 'none'}</b>
          </span>
        </p>
        {name === null ? (
          <p className="note">
            This browser does not know hosts like tab.localhost, so the network cannot be cut here.
          </p>
        ) : (
          <div className="network">
            <select
              aria-label="Kind of cut"
              title="closed: connections are reset. half-open: nothing passes any more."
              value={kind}
              onChange={(event) => setKind(event.target.value as typeof kind)}
            >
              <option value="closed">closed</option>
              <option value="half-open">half-open</option>
            </select>
            <button type="button" className="cut" disabled={cut} onClick={() => change({ mode: kind })}>
              Cut network
            </button>
            <button type="button" disabled={!cut} onClick={() => change({ mode: 'online' })}>
              Restore network
            </button>
            <details>
              <summary>Paths</summary>
              <div className="menu">
                {(Object.keys(pathLabels) as PathName[]).map((path) => (
                  <label key={path}>
                    <input
                      type="checkbox"
                      checked={state.blocked.includes(path)}
                      onChange={(event) =>
                        change({
                          blocked: event.target.checked
                            ? [...state.blocked, path]
                            : state.blocked.filter((blocked) => blocked !== path),
                        })
                      }
                    />
                    {pathLabels[path]}
                  </label>
                ))}
              </div>
            </details>
          </div>
        )}
      </div>
    </section>
  );
}

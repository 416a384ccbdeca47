import type { Connection } from '@chat-transport/core';
import { type ReactNode, useSyncExternalStore } from 'react';
import { type InspectedRun, type Inspection, missingOffsets, repairedGaps, type Way } from './inspection.ts';
import type { WireTap } from './wire-tap.ts';

interface InspectorProps {
  readonly chatId: string;
  readonly connection: Connection;
  readonly tap: WireTap;
  readonly onClose: () => void;
}

const ways: Record<Way, string> = {
  realtime: 'realtime',
  response: 'response',
  sse: 'sse',
  poll: 'poll',
  read: 'log read',
  other: 'other',
};

/** What goes over this tab's wire, live: runs with their offsets, frames, paths, repaired gaps, bytes, and what the transport reports. */
export function Inspector({ chatId, connection, tap, onClose }: InspectorProps): ReactNode {
  const inspection = useSyncExternalStore(tap.subscribe, tap.getSnapshot);
  const runs = inspection.runs.filter((run) => run.chatId === chatId);
  return (
    <aside id="inspector" className="inspector" aria-label="Inspector">
      <header>
        <h2>Inspector</h2>
        <button type="button" className="quiet" onClick={onClose}>
          Close
        </button>
      </header>
      <section aria-label="Connection state">
        <h3>Connection</h3>
        <p>
          <span className="pill" data-state={connection.state}>
            {connection.state}
          </span>{' '}
          {connection.path && <WayTag way={connection.path} />}
        </p>
      </section>
      <section aria-label="Runs">
        <h3>Runs</h3>
        {runs.length === 0 && <p className="hint">None has come over the wire yet.</p>}
        {runs.map((run) => (
          <RunView key={run.runId} run={run} />
        ))}
      </section>
      <TrafficTable traffic={inspection.traffic} />
      <Events events={inspection.events} />
      <Frames frames={inspection.frames.filter((frame) => frame.chatId === chatId)} />
    </aside>
  );
}

function WayTag({ way }: { way: Way }): ReactNode {
  return (
    <span className="way" data-way={way}>
      {ways[way]}
    </span>
  );
}

function RunView({ run }: { run: InspectedRun }): ReactNode {
  const gaps = repairedGaps(run);
  const missing = missingOffsets(run);
  return (
    <div className="run" data-testid="run">
      <p className="run-title">
        <b>Turn {run.turn}</b> <code>{run.runId.slice(0, 8)}</code>
        <span className="run-end" data-end={run.end ?? 'active'}>
          {run.end ?? 'active'}
        </span>
      </p>
      <div className="bar" aria-hidden="true">
        {run.segments.map((segment) => (
          <i
            key={segment.at}
            data-way={segment.way}
            style={{
              insetInlineStart: `${(100 * segment.at) / run.length}%`,
              inlineSize: `${(100 * (segment.next - segment.at)) / run.length}%`,
            }}
          />
        ))}
      </div>
      <p className="hint">
        {run.length} offsets in {run.frames} frames
        {run.repeated > 0 && `, ${run.repeated} of them repeated`}
        {missing > 0 && <b>, {missing} missing</b>}
      </p>
      {gaps.map(({ way, at, next }) => (
        <p key={at} className="gap">
          Repaired gap: {at} to {next} by <WayTag way={way} />
        </p>
      ))}
    </div>
  );
}

function TrafficTable({ traffic }: Pick<Inspection, 'traffic'>): ReactNode {
  const used = (Object.keys(ways) as Way[]).filter((way) => traffic[way].count > 0);
  return (
    <section aria-label="Bytes">
      <h3>Bytes</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">path</th>
            <th scope="col">count</th>
            <th scope="col">received</th>
            <th scope="col">sent</th>
          </tr>
        </thead>
        <tbody>
          {used.map((way) => (
            <tr key={way}>
              <th scope="row">
                <WayTag way={way} />
              </th>
              <td>{traffic[way].count}</td>
              <td>{traffic[way].received.toLocaleString('en')}</td>
              <td>{traffic[way].sent.toLocaleString('en')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hint">Bodies and messages, before compression. Headers are not counted.</p>
    </section>
  );
}

function Events({ events }: Pick<Inspection, 'events'>): ReactNode {
  if (events.length === 0) return null;
  return (
    <section aria-label="Events">
      <h3>Events</h3>
      {events.map(({ number, type, text, times }) => (
        <p key={number} className="event">
          <code>{type}</code> {text} {times > 1 && <b>×{times}</b>}
        </p>
      ))}
    </section>
  );
}

function Frames({ frames }: Pick<Inspection, 'frames'>): ReactNode {
  return (
    <section aria-label="Newest frames">
      <h3>Newest frames</h3>
      <table className="frames">
        <tbody>
          {frames.map(({ number, way, turn, kind, at, next, end }) => (
            <tr key={number}>
              <td>
                <WayTag way={way} />
              </td>
              <td>turn {turn}</td>
              <td>{end ? `end: ${end}` : kind}</td>
              <td>{kind === 'start' ? '' : at === next ? at : `${at} to ${next}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

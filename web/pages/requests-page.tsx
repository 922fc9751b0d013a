/** Requests to clusters: those under way, those that had to wait for a tunnel, those that failed. */
import { useState } from 'preact/hooks';
import type { RequestLine } from '../../src/kas/dashboard/wire.ts';
import { Choice } from '../fleet/fleet-page.tsx';
import { agents } from '../live/fleet.ts';
import { useView } from '../live/view.ts';
import { clockText, milliseconds, number } from '../time.ts';

const lists = ['living', 'slow', 'failed'] as const;
const words = { living: 'under way', slow: 'slow', failed: 'failed' } as const;
const outcomes: Readonly<Record<string, string>> = {
  forwarded: 'Forwarded',
  refused: 'Refused',
  timedOut: 'Found no tunnel in time',
  unreachable: 'Agent unreachable',
  abandoned: 'Caller went away',
  crashed: 'Crashed',
};

const everybody = 'everybody';

export function RequestsPage() {
  const view = useView('requests');
  const [kind, setKind] = useState<string>(everybody);
  const [list, setList] = useState<(typeof lists)[number]>('living');
  if (view === undefined) return <main class="page" />;
  const kinds = [...new Set(view[list].map((line) => line.kind))].sort();
  const lines = view[list].filter((line) => kind === everybody || line.kind === kind);
  return (
    <main class="page single">
      <section class="tiles">
        <div class="tile">
          <b>{number(view.living.length + view.hidden)}</b>
          <span class="muted">under way</span>
        </div>
        {Object.entries(view.counts).map(([name, count]) => (
          <div key={name} class={`tile ${count === 0 ? 'zero' : ''}`}>
            <b>{number(count)}</b>
            <span class="muted">{outcomes[name] ?? name}</span>
          </div>
        ))}
      </section>
      <section class="panel">
        <div class="panel-title">
          <h2>Requests</h2>
          <Choice
            names={lists.map((name) => words[name])}
            chosen={words[list]}
            choose={(word) => setList(lists.find((name) => words[name] === word) ?? 'living')}
            label="Which"
          />
          {(kinds.length > 1 || kind !== everybody) && (
            <Choice
              names={[everybody, ...new Set(kind === everybody ? kinds : [...kinds, kind])]}
              chosen={kind}
              choose={setKind}
              label="Of whom"
            />
          )}
          <span class="muted">
            {list === 'slow' && `waited ${milliseconds(view.slowMs)} or longer for a tunnel`}
            {list === 'living' && view.hidden > 0 && `${number(view.hidden)} more`}
          </span>
        </div>
        {lines.length === 0 ? (
          <p class="empty">None {list === 'living' ? 'right now' : 'since this kas started'}.</p>
        ) : (
          <Lines lines={lines} />
        )}
      </section>
    </main>
  );
}

function Lines({ lines }: { readonly lines: readonly RequestLine[] }) {
  const names = new Map(agents.value.map(({ key, name }) => [key, name]));
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Began</th>
            <th>Agent</th>
            <th>As</th>
            <th>Call</th>
            <th>State</th>
            <th class="right">Until it had a tunnel</th>
            <th class="right">Lasted</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.id}>
              <td>{clockText(line.startedAt)}</td>
              <td>
                <a href={`#/agents/${line.agentId}`}>{names.get(line.agentId) ?? `agent ${line.agentId}`}</a>
              </td>
              <td>{line.kind}</td>
              <td>{line.method.split('/').at(-1)}</td>
              <td>{line.state}</td>
              <td class="right">
                {line.routedMs === null
                  ? line.reason === ''
                    ? 'none yet'
                    : 'had none'
                  : milliseconds(line.routedMs)}
              </td>
              <td class="right">{milliseconds(line.lastedMs)}</td>
              <td>{line.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Who asks repositories for news: which commit each knows, who waits for it, and which do not get an answer. */
import { useState } from 'preact/hooks';
import type { PollerLine } from '../../src/kas/dashboard/wire.ts';
import { Choice } from '../fleet/fleet-page.tsx';
import { focusSearch, useKeys } from '../keys.ts';
import { agents } from '../live/fleet.ts';
import { useView } from '../live/view.ts';
import { ago, now, number } from '../time.ts';

const kinds = ['all', 'manifests', 'configuration', 'in trouble'] as const;
type Kind = (typeof kinds)[number];

export function PollersPage() {
  const view = useView('pollers');
  const [kind, setKind] = useState<Kind>('all');
  const [text, setText] = useState('');
  useKeys({ '/': focusSearch, Escape: () => setText('') });
  if (view === undefined) return <main class="page" />;
  const names = new Map(agents.value.map(({ key, name }) => [key, name]));
  const nameOf = ({ agentId }: PollerLine) =>
    agentId === null ? '' : (names.get(agentId) ?? `agent ${agentId}`);
  const isMeant = (line: PollerLine) =>
    (kind === 'all' || (kind === 'in trouble' ? line.reason !== '' : line.kind === kind)) &&
    [line.project, line.ref, line.commit, line.reason, nameOf(line)].some((one) =>
      one.toLowerCase().includes(text),
    );
  const lines = view.pollers.filter(isMeant).sort((one, other) => rankOf(other) - rankOf(one));
  const troubled = view.pollers.filter(({ reason }) => reason !== '').length;
  const listeners = view.pollers.reduce(
    (sum, line) => sum + (line.kind === 'manifests' ? line.listeners : 0),
    0,
  );
  return (
    <main class="page single">
      <section class="tiles">
        <Tile count={view.counts.manifests} what="repositories polled for manifests" />
        <Tile count={listeners} what="streams that share them" />
        <Tile count={view.counts.configuration} what="configurations watched" />
        <Tile count={troubled} what="without an answer" />
      </section>
      <section class="panel">
        <div class="panel-title">
          <h2>Pollers</h2>
          <Choice names={kinds} chosen={kind} choose={setKind} label="Which" />
          {view.hidden > 0 && <span class="muted">{number(view.hidden)} more</span>}
          <span class="grow" />
          <input
            type="search"
            placeholder="Project, ref, commit, agent   /"
            aria-label="Filter pollers"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value.trim().toLowerCase())}
          />
        </div>
        {lines.length === 0 ? (
          <p class="empty">
            {view.pollers.length === 0 ? 'No agent asks for a configuration or for manifests.' : 'None.'}
          </p>
        ) : (
          <Lines lines={lines} nameOf={nameOf} />
        )}
      </section>
    </main>
  );
}

/** Those in trouble first, then those that many share. */
function rankOf({ kind, reason, listeners }: PollerLine): number {
  return (reason === '' ? 0 : 1_000_000) + (kind === 'manifests' ? 1_000 : 0) + listeners;
}

function Tile({ count, what }: { readonly count: number; readonly what: string }) {
  return (
    <div class={`tile ${count === 0 ? 'zero' : ''}`}>
      <b>{number(count)}</b>
      <span class="muted">{what}</span>
    </div>
  );
}

const tones: Readonly<Record<string, string>> = {
  backingOff: 'disconnected',
  polling: 'connecting',
  resolving: 'connecting',
  fetching: 'connecting',
  delivering: 'connecting',
  waiting: 'online',
};

function Lines({
  lines,
  nameOf,
}: {
  readonly lines: readonly PollerLine[];
  readonly nameOf: (line: PollerLine) => string;
}) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Project</th>
            <th>Ref</th>
            <th>For</th>
            <th>State</th>
            <th>Commit</th>
            <th class="right">Asked</th>
            <th>Why there is no news</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.id} data-poller={line.id}>
              <td>{line.project || 'not known yet'}</td>
              <td class="nowrap">{line.ref.replace('refs/heads/', '')}</td>
              <td>
                {line.agentId === null ? (
                  `${number(line.listeners)} ${line.listeners === 1 ? 'stream' : 'streams'}`
                ) : (
                  <a href={`#/agents/${line.agentId}`}>{nameOf(line)}</a>
                )}
              </td>
              <td>
                <span class={`pill ${line.reason === '' ? (tones[line.state] ?? '') : 'disconnected'}`}>
                  {line.state}
                </span>
                {line.attempt > 1 && <span class="muted"> {number(line.attempt)} times</span>}
              </td>
              <td>
                <code>{line.commit.slice(0, 8) || 'none'}</code>
              </td>
              <td class="right nowrap">
                {line.askedAt === null ? 'not yet' : `${ago(now.value - line.askedAt)} ago`}
              </td>
              <td>{line.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

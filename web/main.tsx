/** The dashboard: one page at a time, and above it whether what it shows is still true. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { chartCss } from '../src/inspect/charts/chart-css.ts';
import { AgentPage } from './agent/agent-page.tsx';
import { FleetPage } from './fleet/fleet-page.tsx';
import { useKeys } from './keys.ts';
import { giveToken, link, refusal } from './live/api.ts';
import { followFleet, heardAt, kas } from './live/fleet.ts';
import { theme, toggleTheme } from './look.ts';
import { MachinesPage } from './pages/machines-page.tsx';
import { PollersPage } from './pages/pollers-page.tsx';
import { ReplayPage } from './pages/replay-page.tsx';
import { RequestsPage } from './pages/requests-page.tsx';
import { SupervisorsPage } from './pages/supervisors-page.tsx';
import { go, pages, route } from './route.ts';
import { ago, now } from './time.ts';
import './style.css';

const titles = {
  agents: 'Agents',
  requests: 'Requests',
  pollers: 'Pollers',
  supervisors: 'Supervisors',
  machines: 'Machines',
  replay: 'Replay',
} as const;
const staleMs = 3_000;

function App() {
  const [isHelp, setHelp] = useState(false);
  useEffect(() => followFleet(), []);
  useKeys({ t: toggleTheme, '?': () => setHelp((old) => !old) });
  const { page, key } = route.value;
  return (
    <>
      <nav>
        <a class="logo" href="#/agents">
          <svg width="20" height="20" viewBox="0 0 16 16" aria-hidden="true">
            <rect width="16" height="16" rx="4" fill="#0b7a5a" />
            <circle cx="5" cy="8" r="2" fill="#fff" />
            <circle cx="11" cy="8" r="2" fill="none" stroke="#fff" stroke-width="1.4" />
          </svg>
          Kastor
        </a>
        {pages.map((name) => (
          <a
            key={name}
            href={`#/${name}`}
            class={page === name ? 'on' : ''}
            aria-current={page === name ? 'page' : undefined}
          >
            {titles[name]}
          </a>
        ))}
        <span class="grow" />
        <LinkState />
        <button
          type="button"
          class="ghost"
          aria-label="Light or dark"
          title="Light or dark (t)"
          onClick={toggleTheme}
        >
          {theme.value === 'dark' ? '☾' : '☀'}
        </button>
        <button
          type="button"
          class="ghost"
          aria-label="Keys"
          title="Keys (?)"
          onClick={() => setHelp(!isHelp)}
        >
          ?
        </button>
      </nav>
      <Trouble />
      {link.value !== 'locked' && link.value !== 'refused' && (
        <>
          {page === 'agents' && key === undefined && <FleetPage />}
          {page === 'agents' && key !== undefined && <AgentPage key={key} agentKey={key} />}
          {page === 'requests' && <RequestsPage />}
          {page === 'pollers' && <PollersPage />}
          {page === 'supervisors' && <SupervisorsPage />}
          {page === 'replay' && <ReplayPage />}
          {page === 'machines' && <MachinesPage name={key} />}
        </>
      )}
      {isHelp && <Help close={() => setHelp(false)} />}
    </>
  );
}

const isStale = () => heardAt.value > 0 && (link.value === 'lost' || Date.now() - heardAt.value > staleMs);

function LinkState() {
  // Looks again twice a second.
  void now.value;
  const stale = isStale();
  const text = stale ? 'last known state' : link.value === 'live' ? 'live' : link.value;
  return (
    <span
      class={`link ${stale ? 'lost' : link.value}`}
      role="status"
      title={kas.value === undefined ? '' : `kas ${kas.value.version}`}
    >
      ● {text}
    </span>
  );
}

function Trouble() {
  void now.value;
  if (link.value === 'locked') return <TokenForm />;
  if (link.value === 'refused') return <p class="trouble">kas does not show this here: {refusal.value}.</p>;
  if (!isStale()) return null;
  return (
    <p class="trouble" role="alert">
      kas does not answer. What you see is what was known {ago(Date.now() - heardAt.value)} ago; this page
      goes on by itself.
    </p>
  );
}

function TokenForm() {
  const [token, setToken] = useState('');
  return (
    <form
      class="trouble"
      onSubmit={(event) => {
        event.preventDefault();
        giveToken(token);
      }}
    >
      <label>
        Token of this dashboard{' '}
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <button type="submit" class="chip">
        Open
      </button>
      <span class="muted">It is in the file that observability.dashboard.token_file names.</span>
    </form>
  );
}

const help: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['1 … 7', 'only agents in that state'],
  ['← ↑ → ↓', 'move in the map; Enter opens'],
  ['[ ]', 'one step back, one forward in time'],
  ['space', 'hold still, go on live; play a replay'],
  ['c', 'session or connection'],
  ['t', 'light or dark'],
  ['Esc', 'back'],
];

function Help({ close }: { readonly close: () => void }) {
  return (
    <div class="help" role="dialog" aria-label="Keys" onClick={close}>
      <div class="panel">
        <h2>Keys</h2>
        <dl>
          {help.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </div>
  );
}

const styles = document.createElement('style');
styles.textContent = chartCss;
document.head.append(styles);
if (location.hash === '') go('agents');
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);

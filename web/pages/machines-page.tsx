/** Every chart the program is made of, to be looked at and searched. */
import { useEffect, useState } from 'preact/hooks';
import type { MachineLine } from '../../src/kas/dashboard/wire.ts';
import { useDrawing } from '../charts/drawing.ts';
import { LiveChart } from '../charts/live-chart.tsx';
import { Choice } from '../fleet/fleet-page.tsx';
import { focusSearch, useKeys } from '../keys.ts';
import { readJson } from '../live/api.ts';
import { go } from '../route.ts';

export function MachinesPage({ name }: { readonly name: string | undefined }) {
  const [machines, setMachines] = useState<readonly MachineLine[]>([]);
  const [text, setText] = useState('');
  useEffect(() => {
    void readJson<{ machines: readonly MachineLine[] }>('/api/machines').then((found) =>
      setMachines(found?.machines ?? []),
    );
  }, []);
  const shown = machines.filter(({ name: own, description, states }) =>
    [own, description, ...states.map(({ path }) => path)].some((one) => one.toLowerCase().includes(text)),
  );
  const chosen = machines.find((one) => one.name === (name ?? 'agent-session'));
  const step = (by: number) => {
    const at = shown.findIndex((one) => one.name === chosen?.name);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next !== undefined) go('machines', next.name);
  };
  useKeys({ '/': focusSearch, ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => setText('') });
  return (
    <main class="page machines">
      <section class="panel list">
        <input
          type="search"
          placeholder="Chart or state   /"
          aria-label="Search charts"
          onInput={({ currentTarget }) => setText(currentTarget.value.trim().toLowerCase())}
        />
        <ul>
          {shown.map((machine) => (
            <li key={machine.name}>
              <a href={`#/machines/${machine.name}`} class={machine.name === chosen?.name ? 'on' : ''}>
                {machine.name}
                <span class="muted">{machine.states.length}</span>
              </a>
            </li>
          ))}
        </ul>
        {shown.length === 0 && machines.length > 0 && <p class="muted">No chart has that.</p>}
      </section>
      {chosen !== undefined && <Machine machine={chosen} />}
    </main>
  );
}

function Machine({ machine }: { readonly machine: MachineLine }) {
  const drawing = useDrawing(machine.name);
  const [view, setView] = useState<'lifted' | 'full'>('lifted');
  return (
    <section class="panel wide chart-panel">
      <div class="panel-title">
        <h2>{machine.name}</h2>
        <Choice names={['lifted', 'full'] as const} chosen={view} choose={setView} label="View" />
        <span class="muted">
          {machine.states.length} states{machine.compiled ? ' · runs compiled' : ''}
        </span>
      </div>
      <p class="muted">{machine.description}</p>
      {drawing !== undefined && <LiveChart drawing={drawing} view={view} active={[]} />}
    </section>
  );
}

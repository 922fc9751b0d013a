/** A run that is over, looked at step by step: what `kastor simulate` or the flight recorder of a kas has written. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import {
  activeStates,
  changeText,
  eventText,
  leafText,
  takenEdges,
} from '../../src/inspect/charts/state-name.ts';
import { hasDrawing, useDrawing } from '../charts/drawing.ts';
import { LiveChart } from '../charts/live-chart.tsx';
import { focusSearch, useKeys } from '../keys.ts';
import { readReplay, replayLimits, type Replay, type ReplayLine } from '../replay/trace-file.ts';
import { milliseconds, number } from '../time.ts';

const around = 12;
const playMs = 400;

export function ReplayPage() {
  const [replay, setReplay] = useState<Replay | undefined>(undefined);
  const [trouble, setTrouble] = useState('');
  const load = async (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > replayLimits.bytesMax) {
      setTrouble(`${file.name} is larger than ${replayLimits.bytesMax / 1024 / 1024} MiB.`);
      return;
    }
    const read = readReplay(await file.text());
    setTrouble(read.kind === 'refused' ? `${file.name}: ${read.reason}.` : '');
    if (read.kind === 'read') setReplay(read.replay);
  };
  return (
    <main
      class="page single"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void load(event.dataTransfer?.files[0]);
      }}
    >
      <section class="panel">
        <div class="panel-title">
          <h2>Replay</h2>
          <label class="chip file">
            Open a file
            <input
              type="file"
              accept=".json,.ndjson,.jsonl,.txt,application/json"
              onChange={({ currentTarget }) => void load(currentTarget.files?.[0])}
            />
          </label>
          <span class="muted">
            written by <code>kastor simulate</code>, or the <a href="/api/recorder">flight recorder</a> of a
            kas. It stays in this browser.
          </span>
        </div>
        {trouble !== '' && <p class="why">{trouble}</p>}
        {replay === undefined ? (
          <p class="empty">Nothing is open. A file can also be dropped here.</p>
        ) : (
          <Facts replay={replay} />
        )}
      </section>
      {replay !== undefined && <Player key={replay.about} replay={replay} />}
    </main>
  );
}

function Facts({ replay: { about, failure, facts, lines, dropped } }: { readonly replay: Replay }) {
  return (
    <>
      <p>
        <b>{about}</b>{' '}
        <span class="muted">
          {number(lines.length)} lines{dropped > 0 && `, the first ${number(dropped)} left out`}
          {facts.map(([name, value]) => ` · ${name} ${value}`).join('')}
        </span>
      </p>
      {failure !== '' && <p class="reason failure">{failure}</p>}
    </>
  );
}

function Player({ replay }: { readonly replay: Replay }) {
  const [text, setText] = useState('');
  const lines = useMemo(
    () => replay.lines.filter((line) => text === '' || line.text.toLowerCase().includes(text)),
    [replay, text],
  );
  const [at, setAt] = useState(Math.max(0, lines.length - 1));
  const [isPlaying, setPlaying] = useState(false);
  const place = Math.min(at, lines.length - 1);
  const go = (to: number) => setAt(Math.max(0, Math.min(lines.length - 1, to)));
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => setAt((old) => Math.min(lines.length - 1, old + 1)), playMs);
    return () => clearInterval(timer);
  }, [isPlaying, lines]);
  useKeys({
    '[': () => go(place - 1),
    ']': () => go(place + 1),
    ' ': () => setPlaying((old) => !old),
    '/': focusSearch,
    Escape: () => {},
    Home: () => go(0),
    End: () => go(lines.length - 1),
  });
  const line = lines[place];
  return (
    <>
      <section class="panel">
        <div class="panel-title">
          <button type="button" class="chip" onClick={() => go(place - 1)}>
            ◀ back
          </button>
          <button type="button" class="chip" aria-pressed={isPlaying} onClick={() => setPlaying(!isPlaying)}>
            {isPlaying ? 'pause' : 'play'}
          </button>
          <button type="button" class="chip" onClick={() => go(place + 1)}>
            forth ▶
          </button>
          <b>{line === undefined ? '' : milliseconds(line.atMs)}</b>
          <span class="muted">
            {number(place + 1)} of {number(lines.length)}
          </span>
          <span class="grow" />
          <input
            type="search"
            placeholder="Actor, event, text   /"
            aria-label="Filter lines"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value.trim().toLowerCase())}
          />
        </div>
        <input
          class="scrubber"
          type="range"
          aria-label="Line"
          min={0}
          max={Math.max(0, lines.length - 1)}
          value={place}
          onInput={({ currentTarget }) => go(Number(currentTarget.value))}
        />
      </section>
      <div class="replay">
        <Lines lines={lines} place={place} go={go} />
        {line !== undefined && <Actor line={line} />}
      </div>
    </>
  );
}

function Lines({
  lines,
  place,
  go,
}: {
  readonly lines: readonly ReplayLine[];
  readonly place: number;
  readonly go: (place: number) => void;
}) {
  const first = Math.max(0, Math.min(place - around, lines.length - 2 * around - 1));
  return (
    <section class="panel">
      <h2>What happened</h2>
      <ol class="trace">
        {lines.slice(first, first + 2 * around + 1).map((line, k) => (
          <li key={first + k}>
            <button
              type="button"
              class={first + k === place ? 'on' : ''}
              aria-current={first + k === place ? 'step' : undefined}
              onClick={() => go(first + k)}
            >
              <span class="muted">{(line.atMs / 1_000).toFixed(3)}</span>
              {line.step === undefined ? (
                <span class="ellipsis">{line.text}</span>
              ) : (
                <span class="ellipsis">
                  <b>{line.step.actor}</b> {eventText(line.step.event)}{' '}
                  <span class="muted">{shortly(changeText(line.step.from, line.step.to))}</span>
                </span>
              )}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** `a.b.c → a.b.d` is `b: c → d`. */
function shortly(change: string): string {
  const [, prefix = '', from, to] = /^((?:\w+\.)+)(\w+) → \1(\w+)$/.exec(change) ?? [];
  return prefix === '' ? change : `${prefix.split('.').at(-2) ?? ''}: ${from} → ${to}`;
}

function Actor({ line: { step, text } }: { readonly line: ReplayLine }) {
  const name = step !== undefined && hasDrawing(step.chart) ? step.chart : '';
  const drawing = useDrawing(name);
  if (step === undefined) {
    return (
      <section class="panel">
        <p class="reason">{text}</p>
      </section>
    );
  }
  return (
    <section class="panel chart-panel">
      <div class="panel-title">
        <h2>{step.actor}</h2>
        <span class="muted ellipsis">{leafText(step.to)}</span>
      </div>
      {drawing === undefined ? (
        <p class="muted">{name === '' ? `There is no drawing of ${step.chart}.` : ''}</p>
      ) : (
        <LiveChart
          drawing={drawing}
          active={activeStates(drawing.graph.id, step.to)}
          taken={takenEdges(drawing.graph, step)}
        />
      )}
    </section>
  );
}

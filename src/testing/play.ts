/** Playing a path of an abstract model against the real thing. */
import type { StateValue } from 'xstate';
import type { ChartPath } from './chart-graph.ts';

/** What the events of a model do to the real thing, and what must hold of it in the model's states. */
export interface Play {
  /** Does what the environment does, and waits for what must come of it. */
  readonly events: Readonly<Record<string, () => Promise<void>>>;
  /** By the name of a state the model is in, with dots for its parents; what is not named is not looked at. */
  readonly states?: Readonly<Record<string, () => Promise<void>>>;
}

/** Plays a path; throws at the first step that goes otherwise, with the way that led there. */
export async function playPath(path: ChartPath, play: Play): Promise<void> {
  const way: string[] = [];
  const told = async (what: string, deed: () => Promise<void>) => {
    await deed().catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${[...way, what].join(' → ')}: ${reason}`, { cause });
    });
  };
  const look = async (value: StateValue) => {
    for (const name of stateNames(value)) {
      const holds = play.states?.[name];
      if (holds !== undefined) await told(`(${name})`, holds);
    }
  };
  await look(path.start.value);
  for (const { event, state } of path.steps) {
    const deed = play.events[event.type];
    if (deed === undefined) throw new Error(`nobody plays ${event.type}`);
    await told(event.type, deed);
    way.push(event.type);
    await look(state.value);
  }
}

/** Every state a value is in, parents first. */
function stateNames(value: StateValue, above = ''): string[] {
  if (typeof value === 'string') return [above + value];
  return Object.entries(value).flatMap(([name, below]) =>
    below === undefined ? [] : [above + name, ...stateNames(below, `${above}${name}.`)],
  );
}

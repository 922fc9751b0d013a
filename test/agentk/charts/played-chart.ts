/** A chart on a virtual clock with its named actions recorded: what tables of events, times and expectations run on. */
import { createActor } from 'xstate';
import type { AnyActor, AnyStateMachine, EventObject } from 'xstate';
import { stateName } from '../../../src/supervisor/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';

export class PlayedChart {
  readonly clock = new VirtualClock();
  readonly actor: AnyActor;
  /** Names of the recorded actions, with their parameters as JSON. */
  readonly done: string[] = [];

  constructor(
    machine: AnyStateMachine,
    input: unknown,
    recorded: readonly string[],
    react: Readonly<Record<string, (actor: AnyActor, params: unknown) => void>> = {},
  ) {
    const record = (name: string) => [
      name,
      (args: { readonly self: AnyActor }, params: unknown) => {
        this.done.push(params === undefined ? name : `${name} ${JSON.stringify(params)}`);
        react[name]?.(args.self, params);
      },
    ];
    const actions = Object.fromEntries([...recorded, ...Object.keys(react)].map(record)) as object;
    this.actor = createActor(machine.provide({ actions }), { input, clock: this.clock, id: 'played' });
    this.actor.subscribe({ error: () => {} });
    this.actor.start();
  }

  get state(): string {
    return stateName(this.actor.getSnapshot().value);
  }

  get output(): unknown {
    return this.actor.getSnapshot().output;
  }

  send(event: EventObject & Readonly<Record<string, unknown>>): this {
    this.actor.send(event);
    return this;
  }

  wait(ms: number): this {
    this.clock.advance(ms);
    return this;
  }

  /** What was done since the last call. */
  take(): readonly string[] {
    return this.done.splice(0);
  }
}

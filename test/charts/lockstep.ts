/** Living one life in every form of a machine at once, and demanding at each step that they cannot be told apart. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { AnyStateMachine, EventObject } from 'xstate';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { type Action, type Life, type Reaction, forms } from './forms.ts';
import { eventsOf, type ChartModel, type Fields } from '../../src/testing/index.ts';

const stepsPerWalkMax = 20;
/** Longer than any deadline of a hot chart. */
export const allDeadlinesMs = 60_000;

/** A life in each form; `reaction` is made anew for each of them. */
export function begin(machine: AnyStateMachine, model: ChartModel, reaction?: () => Reaction): Life[] {
  return forms.map((form) => form(machine, model.input ?? {}, reaction?.()));
}

/** `expect` only for what differs: a hundred thousand comparisons have to be cheap. */
function alike(actual: unknown, expected: unknown, told: () => string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, told()).toEqual(expected);
}

/** Compares all forms with the interpreter, now. */
export function expectAlike(lives: readonly Life[], told: () => string): void {
  const [first, ...others] = lives;
  if (first === undefined) throw new Error('no lives');
  const sight = first.sight();
  for (const other of others) {
    alike(other.sight(), sight, () => `${other.form} ${told()}`);
    alike(other.trace.length, first.trace.length, () => `actions of ${other.form} ${told()}`);
  }
}

/** Dearer than {@link expectAlike}: compares every action so far. */
export function expectSameActions(lives: readonly Life[], told: () => string): void {
  for (const life of lives) alike(life.trace, lives[0]?.trace, () => `${life.form} ${told()}`);
}

/** Events of every type the machine knows, whatever the state: late and unexpected ones are part of life. */
function anyEvent(
  machine: AnyStateMachine,
  model: ChartModel,
  context: unknown,
  random: SeededRandom,
): EventObject {
  const types = new Set(machine.root.events.filter((type) => !type.startsWith('xstate.')));
  return random.pick(eventsOf(model, [...types, 'nobody.knows'], (context ?? {}) as Fields));
}

/** Answers some actions from within: the same ones with the same events in every form. */
export function answering(
  machine: AnyStateMachine,
  model: ChartModel,
  seed: number,
  throwing: boolean,
): Reaction {
  return (action: Action, count: number, send) => {
    const random = new SeededRandom(seed * 1_009 + count);
    if (throwing && random.below(12) === 0) throw new Error(`${action.type} failed`);
    const answers = count < 100 ? random.below(3) : 0;
    for (let answer = 0; answer < answers; answer++) {
      send(anyEvent(machine, model, action.context, random));
    }
  };
}

/** A random life of up to `stepsPerWalkMax` steps; answers how it ended. */
export function walk(
  machine: AnyStateMachine,
  model: ChartModel,
  seed: number,
  reaction?: () => Reaction,
): Set<string> {
  const random = new SeededRandom(seed);
  const lives = begin(machine, model, reaction);
  const log: unknown[] = [];
  const told = () =>
    `in walk ${seed}: ${JSON.stringify(log, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))}`;
  expectAlike(lives, told);
  for (let step = random.below(stepsPerWalkMax); step > 0; step--) {
    const kind = random.below(10);
    if (kind < 2) {
      const ms = random.pick([0, 1, 5, 10_000, 19_999, 20_000, 30_000, allDeadlinesMs]);
      log.push(ms);
      for (const life of lives) life.advance(ms);
    } else {
      const event = anyEvent(machine, model, lives[0]?.sight().context, random);
      log.push(event);
      for (const life of lives) life.send(event);
    }
    expectAlike(lives, told);
  }
  if (random.below(4) === 0) for (const life of lives) life.stop();
  expectAlike(lives, told);
  expectSameActions(lives, told);
  return new Set(lives.map((life) => `${life.sight().status} ${String(life.sight().value)}`));
}

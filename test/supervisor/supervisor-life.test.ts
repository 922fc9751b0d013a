import { getNextTransitions, initialTransition, transition, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { expect, test } from 'vitest';
import {
  supervisorMachine,
  type SupervisorEvent,
  type SupervisorOutput,
} from '../../statecharts/supervisor.ts';

const events: readonly SupervisorEvent[] = [
  { type: 'start.requested' },
  { type: 'stop.requested', reason: 'asked' },
  { type: 'children.started' },
  { type: 'children.stopped' },
  { type: 'child.startFailed', childId: 'a', reason: 'no' },
  { type: 'restart.granted', childId: 'a' },
  { type: 'restart.refused', childId: 'a', reason: 'too many' },
  { type: 'significant.ended', childId: 'a' },
];

/** The snapshots after the shortest way to each state (with each verdict). */
function reachable(): readonly SnapshotFrom<typeof supervisorMachine>[] {
  const paths = getShortestPaths(supervisorMachine, {
    input: { supervisorId: 's' },
    events,
    serializeState: (snapshot) => JSON.stringify([snapshot.value, snapshot.context.verdict]),
  });
  return paths.map(({ state }) => state);
}

function after(...types: readonly SupervisorEvent['type'][]) {
  let [snapshot] = initialTransition(supervisorMachine, { supervisorId: 's' });
  for (const type of types) {
    const event = events.find((known) => known.type === type);
    if (event !== undefined) [snapshot] = transition(supervisorMachine, snapshot, event);
  }
  return snapshot;
}

test.each<[SupervisorEvent['type'][], string]>([
  [[], 'created'],
  [['start.requested'], 'starting'],
  [['start.requested', 'children.started'], 'running'],
  [['start.requested', 'child.startFailed'], 'stopping'],
  [['start.requested', 'restart.granted'], 'starting'],
  [['start.requested', 'children.started', 'restart.granted'], 'restarting'],
  [['start.requested', 'children.started', 'restart.granted', 'restart.granted'], 'restarting'],
  [['start.requested', 'children.started', 'restart.granted', 'children.started'], 'running'],
  [['start.requested', 'children.started', 'restart.refused'], 'givingUp'],
  [['start.requested', 'children.started', 'restart.granted', 'restart.refused'], 'givingUp'],
  [['start.requested', 'children.started', 'significant.ended'], 'stopping'],
  [['start.requested', 'children.started', 'restart.granted', 'significant.ended'], 'stopping'],
  [['start.requested', 'children.started', 'restart.refused', 'stop.requested'], 'givingUp'],
  [['start.requested', 'children.started', 'restart.refused', 'children.started'], 'givingUp'],
  [['start.requested', 'children.started', 'stop.requested', 'restart.granted'], 'stopping'],
  [['start.requested', 'stop.requested', 'children.stopped'], 'stopped'],
  [['stop.requested'], 'stopped'],
  [['stop.requested', 'start.requested'], 'stopped'],
])('%j leads to %s', (types, state) => {
  expect(after(...types).value).toBe(state);
});

test('every state can be reached, every state can end, and every state hears stop.requested', () => {
  const states = reachable();
  expect(new Set(states.map(({ value }) => value))).toEqual(new Set(Object.keys(supervisorMachine.states)));
  for (const state of states.filter(({ status }) => status === 'active')) {
    const heard = getNextTransitions(state).map(({ eventType }) => eventType);
    expect(heard).toContain('stop.requested');
    const [stopping] = transition(supervisorMachine, state, { type: 'stop.requested', reason: 'asked' });
    const [stopped] = transition(supervisorMachine, stopping, { type: 'children.stopped' });
    expect(stopped.status).toBe('done');
  }
});

test('once it ends, only the end of its children leads on', () => {
  for (const state of reachable().filter((snapshot) => snapshot.hasTag('ending'))) {
    for (const event of events) {
      const [next] = transition(supervisorMachine, state, event);
      expect(next.value).toBe(event.type === 'children.stopped' ? 'stopped' : state.value);
      expect(next.context.verdict).toEqual(state.context.verdict);
    }
  }
});

test('children are started and stopped by entering a state, once', () => {
  const actions = (types: SupervisorEvent['type'][], event: SupervisorEvent) =>
    transition(supervisorMachine, after(...types), event)[1].map(({ type }) => type);
  expect(actions([], { type: 'start.requested' })).toContain('startChildren');
  expect(actions(['start.requested'], { type: 'children.started' })).toEqual([]);
  expect(actions(['start.requested'], { type: 'stop.requested', reason: '' })).toContain('stopChildren');
  expect(actions(['start.requested', 'stop.requested'], { type: 'stop.requested', reason: '' })).toEqual([]);
});

test.each<[SupervisorEvent['type'][], SupervisorOutput]>([
  [['stop.requested'], { kind: 'stopped', reason: 'asked' }],
  [['start.requested', 'stop.requested', 'children.stopped'], { kind: 'stopped', reason: 'asked' }],
  [
    ['start.requested', 'child.startFailed', 'children.stopped'],
    { kind: 'startFailed', childId: 'a', reason: 'no' },
  ],
  [
    ['start.requested', 'children.started', 'restart.refused', 'stop.requested', 'children.stopped'],
    { kind: 'gaveUp', childId: 'a', reason: 'too many' },
  ],
  [
    ['start.requested', 'children.started', 'significant.ended', 'children.stopped'],
    { kind: 'autoShutdown', childId: 'a' },
  ],
])('the verdict of %j tells why it ended', (types, output) => {
  expect(after(...types).output).toEqual(output);
});

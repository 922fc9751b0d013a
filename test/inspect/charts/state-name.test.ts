/** How the pages read the names of states, and find the edge an event took. */
import { expect, it } from 'vitest';
import { agentSessionMachine } from '../../../statecharts/index.ts';
import { chartGraphOf } from '../../../src/inspect/index.ts';
import { activeStates, changeText, eventText, takenEdges } from '../../../src/inspect/charts/state-name.ts';

it('nested states and regions side by side become the ids of all active states', () => {
  expect(activeStates('m', '')).toEqual([]);
  expect(activeStates('m', 'a')).toEqual(['m', 'm.a']);
  expect(activeStates('m', 'a.(x.(p|q.r)|y.b)')).toEqual([
    'm',
    'm.a',
    'm.a.x',
    'm.a.x.p',
    'm.a.x.q',
    'm.a.x.q.r',
    'm.a.y',
    'm.a.y.b',
  ]);
  expect(activeStates('m', '(x.a|y)')).toEqual(['m', 'm.x', 'm.x.a', 'm.y']);
});

it('the edge taken is the one its event names, between what was and what is active', () => {
  const graph = chartGraphOf(agentSessionMachine);
  const registered = 'registered.(identity.known|presence.announced|configuration.watched|tunnels.available)';
  const edges = (event: string, from: string, to: string) => takenEdges(graph, { event, from, to });
  expect(edges('connection.closed', registered, 'gone')).toEqual(['agentSession->agentSession.gone']);
  expect(edges('xstate.done.actor.lookup', 'authenticating', registered)).toEqual([
    'agentSession.authenticating->agentSession.registered',
  ]);
  expect(edges('tunnels.changed', registered, registered.replace('available', 'none'))).toEqual([
    'agentSession.registered.tunnels->agentSession.registered.tunnels.none',
  ]);
});

it('of a change only what differs is told', () => {
  expect(changeText('', 'a.b')).toBe('a.b');
  expect(changeText('a.(x.one|y.b)', 'a.(x.two|y.b)')).toBe('a.x.one → a.x.two');
  expect(changeText('a.(x.one|y.b|z.c)', 'gone')).toBe('a → gone');
  expect(changeText('a', 'a')).toBe('entered again');
});

it('events are told in words', () => {
  expect(eventText('connection.closed')).toBe('connection.closed');
  expect(eventText('xstate.done.actor.lookup')).toBe('lookup done');
  expect(eventText('xstate.error.actor.lookup')).toBe('lookup failed');
  expect(eventText('xstate.after.refresh.agentSession.registered.presence.announced')).toBe('after refresh');
  expect(eventText('xstate.init')).toBe('began');
});

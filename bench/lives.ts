/**
 * What a life costs: one request from authorisation to its verdict, as an xstate actor, as a compiled actor and as a hot
 * actor; and one use of a tunnel. Budget of the hot request: 10 µs (`design/data-plane.md`). Run: `node bench/lives.ts`.
 */
import { createActor } from 'xstate';
import { systemClock } from '../src/host/index.ts';
import { DeadlineWheel, compileMachine, createHotActor } from '../src/supervisor/index.ts';
import { requestMachine, tunnelMachine } from '../statecharts/index.ts';

const rounds = 9;
const roundMs = 300;
const nothing = () => {};
const wheel = new DeadlineWheel(systemClock, 100);

const requestLogic = compileMachine(requestMachine, {
  wheel,
  actions: {
    authorize: nothing,
    locate: nothing,
    joinWaiters: nothing,
    leaveWaiters: nothing,
    forward: nothing,
    cancelForwarding: nothing,
    releaseTunnel: nothing,
    refuse: nothing,
    failSearch: nothing,
  },
});
const tunnelLogic = compileMachine(tunnelMachine, {
  wheel,
  actions: { offer: nothing, withdraw: nothing, loseClaim: nothing, finishCall: nothing },
});

const input = { requestId: 'r1', agentId: 1n, kind: 'ci' } as const;
const tunnelInput = { tunnelId: 't1', agentId: 1n, incarnation: 1 } as const;

/** Six events would be the longest good life; this is the usual one of five with a wait. */
const life = [
  { type: 'authorization.granted', atMs: 1 },
  { type: 'tunnel.absent', atMs: 1 },
  { type: 'tunnel.claimed', tunnelId: 't1' },
  { type: 'tunnel.claimed', tunnelId: 't2' },
  { type: 'forward.finished', tunnelId: 't1', outcome: 'served' },
] as const;
const use = [
  { type: 'claim.requested', requestId: 'r1' },
  { type: 'forward.started', requestId: 'r1' },
  { type: 'forward.finished', requestId: 'r1', reusable: true, code: 0, message: '' },
  { type: 'descriptor.received', incarnation: 1 },
] as const;

/** Microseconds of CPU per call: the median of several rounds. */
function microsOf(work: () => void): number {
  const until = performance.now() + roundMs;
  while (performance.now() < until) work();
  const perRound: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const cpu = process.cpuUsage();
    const end = performance.now() + roundMs;
    let done = 0;
    do {
      for (let i = 0; i < 50; i++) work();
      done += 50;
    } while (performance.now() < end);
    const { user, system } = process.cpuUsage(cpu);
    perRound.push((user + system) / done);
  }
  return perRound.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
}

const measured: [string, () => void][] = [
  [
    'request life, hot actor',
    () => {
      const actor = createHotActor(requestLogic, { id: 'request:1', input, onDone: nothing }).start();
      for (const event of life) actor.send(event);
    },
  ],
  [
    'request life, compiled logic under createActor',
    () => {
      const actor = createActor(requestLogic, { id: 'request:1', input }).start();
      for (const event of life) actor.send(event);
    },
  ],
  [
    'request life, xstate',
    () => {
      const actor = createActor(requestMachine, { id: 'request:1', input }).start();
      for (const event of life) actor.send(event);
    },
  ],
];
const hotTunnel = createHotActor(tunnelLogic, {
  id: 'tunnel:1',
  input: tunnelInput,
  onDone: nothing,
}).start();
const slowTunnel = createActor(tunnelMachine, { id: 'tunnel:1', input: tunnelInput }).start();
measured.push(
  ['one use of a tunnel (4 events), hot actor', () => use.forEach((event) => hotTunnel.send(event))],
  ['one use of a tunnel (4 events), xstate', () => use.forEach((event) => slowTunnel.send(event))],
);

console.log(`node ${process.version}`);
for (const [name, work] of measured) {
  console.log(`${name.padEnd(52)} ${microsOf(work).toFixed(2).padStart(8)} µs`);
}
process.exit(0);

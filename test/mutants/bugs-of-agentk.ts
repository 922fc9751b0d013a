/** Bugs of agentk. */
import { agentPaths, chartTests, pathsOver, tests } from './judge.ts';
import type { NamedBug } from './named-bug.ts';

const link = 'statecharts/agent-link.ts';
const client = 'statecharts/tunnel-client.ts';
const pool = 'statecharts/tunnel-pool.ts';
const streams = 'src/agentk/tunnels/tunnel-streams.ts';
const herd = 'src/agentk/tunnels/tunnel-herd.ts';
const linkCharts = chartTests('test/agentk/charts/agent-link.test.ts');
const clientCharts = chartTests('test/agentk/charts/tunnel-client.test.ts');

export const bugsOfAgentk: readonly NamedBug[] = [
  {
    id: 'keepalive timer dropped',
    file: link,
    from: 'quiet: { after: { pingPeriod: ',
    to: 'quiet: {}, unpinged: { after: { pingPeriod: ',
    judges: [linkCharts],
  },
  {
    id: 'no deadline for the HTTP/2 handshake',
    file: link,
    from: "after: { handshakeDeadline: givenUp('http2') },",
    to: '',
    judges: [linkCharts],
  },
  {
    id: 'no jitter in the redial',
    file: 'src/agentk/link/agent-link.actor.ts',
    from: 'ms * (1 + (random.next() * 2 - 1) * agentLinkDelays.backoffJitter)',
    to: 'ms',
    judges: [tests('test/agentk/redial-spread.test.ts')],
  },
  {
    id: 'backoff does not grow',
    file: link,
    from: 'Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 16), backoffMsMax)',
    to: 'backoffInitMs',
    judges: [linkCharts],
  },
  {
    id: 'backoff forgotten as soon as a connection is up',
    file: link,
    from: "entry: ['countFailure', { type: 'announce', params: own }]",
    to: "entry: ['forgiveFailures', { type: 'announce', params: own }]",
    judges: [linkCharts],
  },
  {
    id: 'GOAWAY missed',
    file: 'src/agentk/link/kas-sockets.ts',
    from: "onGoAway: () => tell({ type: 'goaway.received', incarnation }),",
    to: 'onGoAway: () => {},',
    judges: [agentPaths],
  },
  {
    id: 'events of an older connection count',
    file: link,
    from: 'current: ({ context }, params: Named) => params.incarnation === context.incarnation,',
    to: 'current: () => true,',
    judges: [linkCharts],
  },
  {
    id: 'a refused agent comes back at once',
    file: link,
    from: "refused: { tags: ['down'], after: { refusedWait: 'connecting' } }",
    to: "refused: { tags: ['down'], after: { startDelay: 'connecting' } }",
    judges: [linkCharts],
  },
  {
    id: 'a connection that went away is still lent',
    file: 'src/agentk/link/agent-link.actor.ts',
    from: 'withdraw: () => board.withdraw(),',
    to: 'withdraw: () => {},',
    judges: [agentPaths],
  },
  {
    id: 'old connections are never too many',
    file: 'src/agentk/link/kas-sockets.ts',
    from: 'if (this.#retired.size >= agentkLimits.retiredConnectionsMax) oldest?.connection.destroy(); // S2',
    to: '',
    judges: [tests('test/agentk/kas-sockets.test.ts')],
  },
  {
    id: 'a retired connection is not watched',
    file: link,
    from: "draining: { after: { pingPeriod: 'checking' }, on: { 'retired.emptied': 'none' } },",
    to: "draining: { on: { 'retired.emptied': 'none' } },",
    judges: [linkCharts],
  },
  {
    id: 'lost wake-up of a tunnel that waits for the link',
    file: 'src/agentk/tunnels/tunnel-client.actor.ts',
    from: '        awaitLink(tunnelId);\n',
    to: '',
    judges: [agentPaths],
  },
  {
    id: 'one waiting tunnel is forgotten',
    file: herd,
    from: 'for (const tunnelId of waiting) this.#tunnels',
    to: 'for (const tunnelId of waiting.slice(1)) this.#tunnels',
    judges: [agentPaths],
  },
  {
    id: 'tunnels that end at once are opened at once, for ever',
    file: client,
    from: 'context.hasty >= tunnelClientDelays.hastyMax',
    to: 'context.hasty < 0',
    judges: [clientCharts],
  },
  {
    id: 'events of an older stream count',
    file: client,
    from: 'current: ({ context }, { stream }: { stream: number }) => stream === context.stream,',
    to: 'current: () => true,',
    judges: [clientCharts],
  },
  {
    id: 'a tunnel that is stopping offers itself again',
    file: streams,
    from: 'return open.reuse && !open.sealed && this.#isCurrent(open);',
    to: 'return open.reuse && this.#isCurrent(open);',
    judges: [tests('test/agentk/life.test.ts', 'test/agentk/trouble.test.ts'), agentPaths],
  },
  {
    id: 'a tunnel of an old connection offers itself again',
    file: streams,
    from: 'return open.reuse && !open.sealed && this.#isCurrent(open);',
    to: 'return open.reuse && !open.sealed;',
    judges: [tests('test/agentk/life.test.ts', 'test/agentk/retired-connection.test.ts'), agentPaths],
  },
  {
    id: 'a stream that was lost is not told of',
    file: streams,
    from: "open.tell({ type: 'stream.ended', stream: open.number, verdict, atMs, livedMs: atMs - open.openedAt }); // U1",
    to: '',
    judges: [agentPaths],
  },
  {
    id: 'a retired tunnel does not say so',
    file: streams,
    from: 'if (open.reuse || this.#deps.board.reuses(open.link.incarnation)) open.call.write(retirement);',
    to: '',
    judges: [tests('test/agentk/life.test.ts', 'test/contract/agent-tunnels.test.ts')],
  },
  {
    id: 'a tunnel that is idle again is not counted',
    file: pool,
    from: 'countIdled: assign(({ context }) => ({ idle: context.idle + 1, busy: context.busy - 1 })),',
    to: 'countIdled: assign(({ context }) => ({ busy: context.busy - 1 })),',
    judges: [chartTests('test/agentk/charts/tunnel-pool.test.ts')],
  },
  {
    id: 'the pool has no bound',
    file: pool,
    from: 'context.idle - 1 < context.idleMin && context.idle + context.busy < context.sizeMax,',
    to: 'context.idle - 1 < context.idleMin,',
    judges: [chartTests('test/agentk/charts/tunnel-pool.test.ts')],
  },
  {
    id: 'the pool does not grow',
    file: pool,
    from: 'context.idle - 1 < context.idleMin && context.idle + context.busy < context.sizeMax,',
    to: 'context.idle < 0,',
    judges: [chartTests('test/agentk/charts/tunnel-pool.test.ts')],
  },
  {
    id: 'tunnels that died are not replaced',
    file: herd,
    from: 'this.#report(busy, planned); // H1',
    to: '',
    judges: [agentPaths, tests('test/agentk/trouble.test.ts')],
  },
  {
    id: 'registered once in a life',
    file: 'statecharts/registration.ts',
    from: 'newer: ({ context }, params: Named) => params.incarnation > context.incarnation,',
    to: 'newer: () => false,',
    judges: [agentPaths],
  },
  {
    id: 'registration is not renewed',
    file: 'statecharts/registration.ts',
    from: "after: { period: 'waitingForLink' },",
    to: '',
    judges: [tests('test/agentk/charts/services.test.ts')],
  },
  {
    id: 'a commit is remembered before it came',
    file: 'src/agentk/configuration-watch.actor.ts',
    from: "watch.send({ type: 'configuration.processed', stream, commitId });",
    to: "watch.send({ type: 'configuration.processed', stream, commitId: '' });",
    judges: [agentPaths],
  },
  {
    id: 'the configuration stream is not opened again',
    file: 'src/agentk/configuration-watch.actor.ts',
    from: 'onClosed: (outcome) => end(this.#verdict(outcome, incarnation)),',
    to: 'onClosed: (outcome) => void this.#verdict(outcome, incarnation),',
    judges: [agentPaths],
  },
  {
    id: 'answers are read before their headers inside WebSockets',
    file: 'src/pipe/grpc/client-call.ts',
    from: 'if (this.#responded) super.feed(chunk);',
    to: 'if (chunk.length >= 0) super.feed(chunk);',
    judges: [pathsOver('WebSocket')],
  },
];

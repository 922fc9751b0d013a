/** Bugs of kas, and of what it shares. */
import { chartTests, kasPaths, reusePaths, tests } from './judge.ts';
import type { NamedBug } from './named-bug.ts';

const connection = 'statecharts/agent-connection.ts';
const connections = 'src/actors/agent-connection.actor.ts';
const sessions = 'src/actors/agent-session.actor.ts';
const requests = 'src/actors/request.actor.ts';
const directory = 'src/actors/tunnel-directory.ts';
const tunnels = 'src/actors/tunnel.actor.ts';
const directoryTests = tests('test/actors/tunnel-directory.test.ts');
const requestCharts = chartTests('test/actors/request.chart.test.ts');
const waiters = `      entry: { type: 'joinWaiters', params: named },
      exit: { type: 'leaveWaiters', params: named },
      after: { findDeadline: 'timedOut' },`;

export const bugsOfKas: readonly NamedBug[] = [
  {
    id: 'a claimed tunnel stays in the directory',
    file: directory,
    from: `      entry.idle.splice(at, 1);
      this.#idle--;
      this.#forget(agentId, entry);
      return tunnel;`,
    to: '      return tunnel;',
    judges: [directoryTests, kasPaths],
  },
  {
    id: 'a tunnel is returned twice',
    file: directory,
    from: 'entry.idle.push(tunnel);',
    to: 'entry.idle.push(tunnel, tunnel);',
    judges: [directoryTests, reusePaths],
  },
  {
    id: 'lost wake-up of a request that waits',
    file: directory,
    from: 'if (waiter !== undefined) {',
    to: 'if (waiter !== undefined && at < 0) {',
    judges: [directoryTests, kasPaths],
  },
  {
    id: 'a tunnel that ended stays in the directory',
    file: tunnels,
    from: 'if (tunnel !== undefined) deps.directory.withdraw(tunnel);',
    to: '',
    judges: [kasPaths],
  },
  {
    id: 'a request that left stays among those who wait',
    file: requests,
    from: 'this.#deps.directory.leave(pending);',
    to: '',
    judges: [kasPaths, tests('test/kas/requests.test.ts')],
  },
  {
    id: 'unbounded queue of requests that wait',
    file: directory,
    from: 'if (entry.waiters.length >= this.#waitersPerAgentMax) return false;',
    to: '',
    judges: [directoryTests],
  },
  {
    id: "another agent's tunnel is taken",
    file: directory,
    from: '  claim(agentId: bigint, method: string): T | undefined {\n    const entry = this.#agents.get(agentId);',
    to: '  claim(agentId: bigint, method: string): T | undefined {\n    const entry = [...this.#agents.values()][0];',
    judges: [directoryTests],
  },
  {
    id: 'the search begins anew with each lost tunnel',
    file: 'statecharts/request.ts',
    from: 'Math.max(0, context.findUntilMs - context.atMs)',
    to: 'context.findMsMax',
    judges: [requestCharts],
  },
  {
    id: 'a request waits for ever',
    file: 'statecharts/request.ts',
    from: waiters,
    to: waiters.replace("\n      after: { findDeadline: 'timedOut' },", ''),
    judges: [requestCharts],
  },
  {
    id: 'the agent is not told that the user left',
    file: 'src/pipe/http/http-forward.ts',
    from: "this.#options.tunnel.stream.abort('client disconnected');",
    to: '',
    judges: [kasPaths, tests('test/kas/requests.test.ts')],
  },
  {
    id: 'a request dies with a tunnel that did not take it',
    file: requests,
    from: "if (outcome === 'untaken') {",
    to: "if (outcome === 'nobody says so') {",
    judges: [tests('test/kas/tunnels.test.ts', 'test/kas/requests.test.ts')],
  },
  {
    id: 'requests that ended are kept',
    file: requests,
    from: '        this.#byId.delete(pending.requestId);\n        if (output',
    to: '        if (output',
    judges: [tests('test/kas/requests.test.ts')],
  },
  {
    id: 'tunnels that ended are kept',
    file: tunnels,
    from: 'onDone: () => this.#forget(tunnel),',
    to: 'onDone: () => {},',
    judges: [tests('test/kas/tunnels.test.ts')],
  },
  {
    id: 'a session does not hear of its tunnels',
    file: tunnels,
    from: 'if (held === 0 || before === 0) return session.tunnelsChanged(held);',
    to: 'if (held === 0 || before === 0) return;',
    judges: [tests('test/kas/agents.test.ts', 'test/kas/dashboard/agent-condition.test.ts')],
  },
  {
    id: 'an answer without a tunnel offered again',
    file: 'statecharts/tunnel.ts',
    from: "'descriptor.received': { guard: current, target: 'idle' },",
    to: "'descriptor.received': { guard: current, target: 'done' },",
    judges: [reusePaths],
  },
  {
    id: 'another request may end an exchange',
    file: 'statecharts/tunnel.ts',
    from: 'ours: ({ context }, { requestId }: Claim) => requestId === context.requestId,',
    to: 'ours: () => true,',
    judges: [chartTests('test/actors/tunnel.chart.test.ts')],
  },
  {
    id: 'silent agents are trusted',
    file: connection,
    from: "quiet: { after: { keepalive: 'probing' } },",
    to: "quiet: { on: { 'ping.acknowledged': 'probing' } },",
    judges: [kasPaths],
  },
  {
    id: 'a dead connection is closed politely',
    file: connections,
    from: 'this.cutReason = reason;\n    this.http2.destroy();',
    to: 'this.cutReason = reason;\n    this.http2.close();',
    judges: [kasPaths],
  },
  {
    id: 'a dead connection goes on offering its tunnels',
    file: connections,
    from: "find(connectionId)?.tell('stale', 'keepalive ping was not answered'),",
    to: 'void connectionId,',
    judges: [tests('test/kas/agent-listener.test.ts', 'test/kas/agents.test.ts'), kasPaths],
  },
  {
    id: 'idle work outlives its connection’s age',
    file: connections,
    from: 'expireIdle: (_, { connectionId }) => find(connectionId)?.tellIdle(),',
    to: 'expireIdle: () => {},',
    judges: [kasPaths],
  },
  {
    id: 'a connection that went away is never closed',
    file: connections,
    from: 'for (const member of this.members) if (!member.idle) return;\n    this.http2.close();',
    to: '',
    judges: [tests('test/contract/kas-ages.test.ts'), kasPaths],
  },
  {
    id: 'no GOAWAY at the end of a connection’s age',
    file: connections,
    from: 'if (!this.#sentAway && !this.http2.destroyed) this.http2.goaway();',
    to: '',
    judges: [tests('test/contract/kas-ages.test.ts')],
  },
  {
    id: 'forgotten unregister',
    file: sessions,
    from: 'if (pod === undefined) return;\n  deps.store.unregisterAgent',
    to: 'if (pod === undefined || pod !== undefined) return;\n  deps.store.unregisterAgent',
    judges: [tests('test/kas/agents.test.ts', 'test/contract/kas-gitlab.test.ts')],
  },
  {
    id: 'stale writer wins',
    file: 'src/store/memory/agent-table.ts',
    from: 'return entry.farewell ? entry.agent.incarnation >= incarnation : entry.agent.incarnation > incarnation;',
    to: 'return entry.agent.incarnation === -incarnation;',
    judges: [tests('test/store/memory-store.test.ts')],
  },
  {
    id: 'stale farewell wins',
    file: 'src/store/memory/agent-table.ts',
    from: 'entry === undefined || entry.agent.incarnation > incarnation) return; // 1',
    to: 'entry === undefined) return;',
    judges: [tests('test/store/memory-store.test.ts')],
  },
  {
    id: 'a refusal is not told to what the agent has open',
    file: sessions,
    from: 'if (refusal !== undefined) for (const tenant of session.tenants.values()) tenant.refused(refusal);',
    to: 'if (refusal !== undefined) return;',
    judges: [kasPaths],
  },
  {
    id: 'an outage of GitLab is taken for a refusal',
    file: sessions,
    from: "return { kind: 'unavailable', reason: result.reason };",
    to: "return { kind: 'refused', code: 16, reason: 'unauthenticated' };",
    judges: [tests('test/kas/agents.test.ts', 'test/contract/kas-gitlab.test.ts')],
  },
  {
    id: 'unbounded queue of calls that wait for GitLab',
    file: 'src/actors/waiting-calls.ts',
    from: 'if (this.#calls.size >= this.#callsMax) return false; // Q1',
    to: '',
    judges: [tests('test/actors/waiting-calls.test.ts')],
  },
  {
    id: 'a call that waits is answered twice',
    file: 'src/actors/waiting-calls.ts',
    from: 'for (const waiting of answered) this.#calls.delete(waiting); // Q2',
    to: '',
    judges: [tests('test/actors/waiting-calls.test.ts')],
  },
  {
    id: 'a push while a configuration is delivered is lost',
    file: 'statecharts/config-watch.ts',
    from: `    delivering: {
      tags: ['healthy'],
      on: { 'push.noticed': { actions: 'notePush' } },`,
    to: `    delivering: {
      tags: ['healthy'],`,
    judges: [chartTests('test/actors/config-watch.chart.test.ts')],
  },
  {
    id: 'a configuration is not looked for again',
    file: 'statecharts/config-watch.ts',
    from: "after: { pollPeriod: 'resolving' },",
    to: '',
    judges: [chartTests('test/actors/config-watch.chart.test.ts')],
  },
  {
    id: 'a commit counts as delivered before it was',
    file: 'statecharts/config-watch.ts',
    from: "keepNext: assign((_, { result }: { result: Result }) =>\n      result.kind === 'changed' ? { nextCommitId: result.commitId } : {},",
    to: "keepNext: assign((_, { result }: { result: Result }) =>\n      result.kind === 'changed' ? { nextCommitId: result.commitId, commitId: result.commitId } : {},",
    judges: [chartTests('test/actors/config-watch.chart.test.ts')],
  },
  {
    id: 'deadline of a call not cancelled',
    file: 'src/pipe/grpc/stream-core.ts',
    from: 'if (this.#deadline !== undefined) this.clock.clearTimeout(this.#deadline);',
    to: '',
    judges: [tests('test/pipe/grpc/client.test.ts', 'test/pipe/grpc/ends.test.ts')],
  },
  {
    id: 'deadlines of the wheel are not cancelled',
    file: 'src/supervisor/compile-steps.ts',
    from: 'frame.host.disarm(frame.args());',
    to: 'void frame;',
    judges: [tests('test/charts/compiled-equality.test.ts')],
  },
];

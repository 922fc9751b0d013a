/** Thousands of idle agents on one kas: what each costs in memory, and whether the event loop stays free. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parts } from './processes.ts';
import type { Stage } from './stage.ts';

export interface IdleResult {
  readonly agents: number;
  readonly rssPerAgentKb: number | undefined;
  readonly connectedPerSecond: number;
  /** Event-loop delay of kas, 99th percentile: while all connect at once, and once they idle. */
  readonly connectLoopP99Ms: number;
  readonly idleLoopP99Ms: number;
}

const atOnce = 100;

export async function measureIdle(
  parts: Parts,
  stage: Stage,
  agents: number,
  settleMs: number,
): Promise<IdleResult> {
  const { kas, data, ports } = await stage.kas('idle', true);
  await sleep(settleMs / 4);
  const before = kas.usage().rssKb;
  await loopP99Ms(ports.observability); // the delay is counted anew after each reading
  const token = (await readFile(data.agentTokenFile, 'utf8')).trim();
  const population = parts.start('idle agents', './idle-agents.ts', [
    JSON.stringify({ port: ports.agents, token, agents, atOnce }),
  ]);
  const { connectedMs } = await population.answer<{ connectedMs: number }>();
  const connectLoopP99Ms = await loopP99Ms(ports.observability);
  await sleep(settleMs);
  const after = kas.usage().rssKb;
  const idleLoopP99Ms = await loopP99Ms(ports.observability);
  await population.end();
  await kas.end();
  return {
    agents,
    rssPerAgentKb: before === undefined || after === undefined ? undefined : (after - before) / agents,
    connectedPerSecond: agents / (connectedMs / 1000),
    connectLoopP99Ms,
    idleLoopP99Ms,
  };
}

/** Milliseconds above the resolution of the timer that measures it. */
async function loopP99Ms(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const found = /^nodejs_eventloop_lag_p99_seconds ([\d.e+-]+)$/m.exec(await answer.text());
  if (found === null) throw new Error('kas does not tell its event-loop delay');
  return Number(found[1]) * 1000;
}

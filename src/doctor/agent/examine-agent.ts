/**
 * `kastor doctor agent`: everything agentk needs, tried from where it will run, with its own flags, environment and code.
 * First the settings, then the ladder to kas up to a first configuration, then the ladder to the API server. One broken rung
 * ends its ladder, not the other; the clock is compared with whatever told its time on the way.
 *
 * A doctor has no life to draw: it goes through its list once and ends. What it uses that lives (the connection to kas) is
 * closed before it answers.
 */
import { kasTarget } from '../../agentk/index.ts';
import { Report } from '../finding.ts';
import { climb, type Reached, type Seen } from './ascent.ts';
import { compareClocks } from './clock-skew.ts';
import { examineCluster } from './cluster.ts';
import type { AgentExamination } from './examination.ts';
import { compareVersions, configure, register, type Who } from './greeting.ts';
import { keepIdle } from './idle.ts';

/** Resolves with the report; rejects only for bugs. */
export async function examineAgent(examination: AgentExamination): Promise<Report> {
  const report = new Report(examination.onFinding);
  const seen: Seen = { dates: [], server: '' };
  await examineKasLadder(examination, seen, report);
  await examineCluster(examination, seen, report);
  compareClocks(seen, report);
  return report;
}

async function examineKasLadder(examination: AgentExamination, seen: Seen, report: Report): Promise<void> {
  const { options, token, pod, clock } = examination;
  const part = 'kas';
  let target;
  try {
    target = kasTarget(options);
  } catch (error) {
    const observed = error instanceof Error ? error.message : String(error);
    const remedy =
      'Mend the flag; it takes grpc://, grpcs://, ws:// and wss:// addresses, and headers as `Name: value`';
    report.add({ part, rung: 'settings', verdict: 'bad', observed, remedy });
    return;
  }
  const given = token === undefined ? 'no agent token' : 'an agent token (not shown)';
  const observed = `kas-address ${target.target.address.shown}, ${given}`;
  report.add({ part, rung: 'settings', verdict: 'good', observed });
  if (pod === undefined) {
    const remedy = 'agentk itself does not start without both; in a pod they come from the downward API';
    const missing = 'POD_NAMESPACE and POD_NAME are not set';
    report.add({ part, rung: 'settings', verdict: 'note', observed: missing, remedy });
  }
  const reached = await climb(target.target, clock, seen, report);
  if (reached === undefined) return;
  try {
    await converse({ ...examination, ...target }, reached, seen, report);
  } finally {
    reached.connection.destroy();
  }
}

/** What agentk says first on a connection that is up. */
async function converse(
  examination: AgentExamination & ReturnType<typeof kasTarget>,
  reached: Reached,
  seen: Seen,
  report: Report,
): Promise<void> {
  const { options, token, pod, target, metadata, clock, log, idleMs } = examination;
  compareVersions(options.build.version, seen.server, report);
  if (token === undefined) {
    // kas does not keep strangers for long, so their idle connections say nothing.
    const observed = 'not tried without a token: give --token-file or AGENTK_TOKEN';
    const rungs = idleMs === undefined ? ['authentication'] : ['authentication', 'idle'];
    for (const rung of rungs) report.add({ part: 'kas', rung, verdict: 'skipped', observed });
    return;
  }
  const who: Who = {
    token,
    target,
    headers: metadata,
    build: options.build,
    pod: pod ?? { namespace: 'kastor-doctor', name: 'kastor-doctor' },
    clock,
    log,
  };
  if (!(await register(who, reached, report))) return;
  if (!(await configure(who, reached, report))) return;
  if (idleMs !== undefined) await keepIdle(reached, idleMs, clock, report);
}

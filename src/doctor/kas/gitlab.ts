/**
 * Whether GitLab answers and takes the signature of kas: it is asked about an agent token that nobody has. That it knows no
 * such token is the good answer; a refusal of the signature is told apart by GitLab's words (`spec/gitlab.md §1.2`, §1.4).
 */
import { resolve } from 'node:path';
import { openEmbeddedGitLab } from '../../gitlab/embedded/index.ts';
import { openRestGitLab, proxyOfEnvironment } from '../../gitlab/rest/index.ts';
import { localGit } from '../../git/local/index.ts';
import { createMetrics } from '../../host/index.ts';
import { serverName } from '../../kas/index.ts';
import type { AgentInfo, GitLabResult } from '../../ports/index.ts';
import { parseAgentConfiguration } from '../../protocol/index.ts';
import { doctorLimits } from '../limits.ts';
import { late, within } from '../within.ts';
import type { KasSetUp } from './set-up.ts';

const [part, rung] = ['GitLab', 'GitLab'];

export async function examineGitLab(setUp: KasSetUp): Promise<void> {
  const { configuration } = setUp;
  if (configuration.standalone !== undefined) return examineDirectory(setUp, configuration.standalone.file);
  const { credentials, unusable, clock, random, log, environment, report } = setUp;
  const { address } = configuration.gitlab;
  const { secrets, authorities } = credentials;
  const secret = secrets.gitlab;
  if (secret === undefined || [...unusable].some((key) => key.startsWith('gitlab.'))) {
    const observed = `${address} is not asked: the files of the section gitlab cannot be used`;
    report.add({ part, rung, verdict: 'skipped', observed });
    return;
  }
  const since = clock.monotonic();
  let answer: GitLabResult<AgentInfo> | typeof late;
  try {
    const gitlab = await openRestGitLab({
      address,
      secret: () => Promise.resolve(secret()),
      ...(authorities.gitlab === undefined ? {} : { ca: authorities.gitlab }),
      proxy: proxyOfEnvironment(environment),
      userAgent: serverName,
      clock,
      random,
      log,
      metrics: createMetrics({ processMetrics: false }).metrics,
    });
    const nobody = `kastor-doctor-${random.int63()}`;
    answer = await within(clock, doctorLimits.gitlabMs, (signal) => gitlab.agentInfo(nobody, signal));
    await gitlab.close();
  } catch (error) {
    answer = { kind: 'unavailable', reason: error instanceof Error ? error.message : String(error) };
  }
  const tookMs = clock.monotonic() - since;
  if (answer !== late && (answer.kind === 'unauthenticated' || answer.kind === 'forbidden')) {
    const observed = `${address} answers and accepts the signature of kas`;
    report.add({ part, rung, verdict: 'good', observed, tookMs });
    return;
  }
  report.add({ part, rung, verdict: 'bad', tookMs, ...trouble(address, answer) });
}

function trouble(address: string, answer: GitLabResult<AgentInfo> | typeof late) {
  if (answer === late) {
    return {
      observed: `${address} does not answer in time`,
      remedy: 'Check gitlab.address, network and proxy',
    };
  }
  if (answer.kind === 'ok') {
    const observed = `${address} knows a token that nobody has`;
    return { observed, remedy: 'That is not a GitLab: check gitlab.address' };
  }
  if (answer.kind === 'notFound') {
    const observed = `${address} has no internal API for agents: ${answer.reason}`;
    const remedy =
      'Check gitlab.address (with a relative URL root its path belongs to it), and that the agent server is switched on in GitLab';
    return { observed, remedy };
  }
  const remedy = answer.reason.includes('authentication_secret_file')
    ? 'Copy gitlab_kas_secret of GitLab into the file, and compare the clocks of both machines'
    : 'Check gitlab.address, gitlab.ca_certificate_file, network and proxy';
  return { observed: `${address}: ${answer.reason}`, remedy };
}

/** Without GitLab its stand-in is read. */
async function examineDirectory({ folder, clock, log, report }: KasSetUp, file: string): Promise<void> {
  try {
    const directory = await openEmbeddedGitLab({
      file: resolve(folder, file),
      git: localGit({ log }),
      clock,
      log,
      parseConfiguration: parseAgentConfiguration,
      watch: false,
    });
    const { agents, projects } = directory.state();
    await directory.close();
    const observed = `${file} stands for it: ${agents} agents, ${projects} projects`;
    report.add({ part, rung: 'directory file', verdict: 'good', observed });
  } catch (error) {
    const observed = error instanceof Error ? error.message : String(error);
    const remedy = 'Mend the file; kas names the same lines when it refuses to start';
    report.add({ part, rung: 'directory file', verdict: 'bad', observed, remedy });
  }
}

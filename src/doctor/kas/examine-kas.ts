/**
 * `kastor doctor kas`: a set-up of kas looked at before kas is started with it. The configuration file first, because all
 * else is named there; then files, ports, the own URL, Redis and GitLab, each for itself.
 */
import { ineffectiveKeys, readConfiguration } from '../../kas/configuration/index.ts';
import { listCredentials } from '../../kas/index.ts';
import { Report } from '../finding.ts';
import { examineFiles } from './files.ts';
import { examineGitLab } from './gitlab.ts';
import { examinePorts } from './listen-ports.ts';
import { examineOwnUrl } from './own-url.ts';
import { examineRedis } from './redis.ts';
import type { KasExamination, KasSetUp } from './set-up.ts';

/** Resolves with the report; rejects only for bugs. */
export async function examineKas(examination: KasExamination): Promise<Report> {
  const report = new Report(examination.onFinding);
  const [part, rung] = ['configuration', examination.configurationFile];
  const read = await readConfiguration(examination.configurationFile);
  if (read.kind === 'invalid') {
    const details = read.reason.split('; ');
    const remedy = 'Mend the lines below; kas names the same ones when it refuses to start';
    const observed = details.length === 1 ? read.reason : `${details.length} problems`;
    report.add({ part, rung, verdict: 'bad', observed, remedy, ...(details.length > 1 ? { details } : {}) });
    return report;
  }
  const { configuration, folder } = read;
  report.add({ part, rung, verdict: 'good', observed: 'is valid' });
  for (const { key, reason } of ineffectiveKeys(configuration, examination.environment))
    report.add({ part, rung: key, verdict: 'note', observed: `has no effect: ${reason}` });
  const credentials = listCredentials(configuration, folder, examination.log);
  const setUp: KasSetUp = {
    ...examination,
    configuration,
    folder,
    credentials,
    unusable: new Set(),
    report,
  };
  await examineFiles(setUp);
  await examinePorts(setUp);
  await examineOwnUrl(setUp);
  await examineRedis(setUp);
  await examineGitLab(setUp);
  const observed = 'GitLab names a Gitaly server per agent: it can only be tried when an agent connects';
  if (configuration.standalone === undefined)
    report.add({ part: 'Gitaly', rung: 'Gitaly', verdict: 'skipped', observed });
  return report;
}

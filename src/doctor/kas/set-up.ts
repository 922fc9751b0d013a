/** What is looked at: the question, and after the configuration was read all that follows from it. */
import type { KasConfiguration } from '../../kas/configuration/index.ts';
import type { Credentials } from '../../kas/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import type { Finding, Report } from '../finding.ts';

export interface KasExamination {
  readonly configurationFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onFinding: (finding: Finding) => void;
}

/** What every part looks at. */
export interface KasSetUp extends KasExamination {
  readonly configuration: KasConfiguration;
  readonly folder: string;
  readonly credentials: Credentials;
  /** Credential files that cannot be used, by the key that names them. */
  readonly unusable: Set<string>;
  readonly report: Report;
}

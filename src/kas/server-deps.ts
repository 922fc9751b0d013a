/** What a kas is built from: its configuration and the ports. */
import type { MetricsRegistry } from '../host/index.ts';
import type { Clock, Log, Random } from '../ports/index.ts';
import type { KasConfiguration } from './configuration/index.ts';
import type { Credentials } from './credentials.ts';
import type { Outside } from './outside.ts';

export interface ServerDeps {
  readonly configuration: KasConfiguration;
  /** Relative paths of the configuration file start here. */
  readonly folder: string;
  readonly credentials: Credentials;
  /** Where other kas find this one, and the name in all kas's certificates; undefined without a private API. */
  readonly ownUrl: { readonly url: string; readonly serverName: string | undefined } | undefined;
  /** `process.env`: proxies (`spec/kas.md §1.2`). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For what the gRPC layer has to say, which has a level of its own. */
  readonly grpcLog: Log;
  readonly registry: MetricsRegistry;
  /** False until everything is up and again from the request to stop on: what readiness says. */
  readonly serving: () => boolean;
  /** The machine and what the configuration names, unless given. */
  readonly outside?: Outside;
}

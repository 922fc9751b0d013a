/** The `observability` section: endpoint, probes, logs, and the exporters this server does not have. */
import {
  duration,
  flag,
  flagIfSet,
  isWebAddress,
  logLevel,
  network,
  requiredText,
  text,
  textIfSet,
} from './scalars.ts';
import { checkListen, section } from './sections.ts';

// Unlike other listeners', these two may not be written empty.
const pairFile = textIfSet().default('');

const listen = section({
  network,
  address: text('127.0.0.1:8151'),
  certificate_file: pairFile,
  key_file: pairFile,
}).superRefine(checkListen);

const tracing = section({
  otlp_endpoint: requiredText('the URL traces would be sent to').refine(
    (value) => value === '' || isWebAddress(value),
    { error: 'value must be an absolute http or https URL' },
  ),
  otlp_token_secret_file: textIfSet(),
  otlp_ca_certificate_file: textIfSet(),
});

const googleProfiler = section({
  enabled: flag(false),
  project_id: text(''),
  credentials_file: text(''),
  debug_logging: flag(false),
});

// Ours: pages and the API they read, on the same listener.
const dashboard = section({
  // Not said: there is one when kas runs without GitLab.
  enabled: flagIfSet(),
  token_file: textIfSet(),
  pages: textIfSet(),
});

function urlPath(defaultPath: string) {
  return text(defaultPath).refine((path) => path.startsWith('/'), { error: 'value must start with /' });
}

export const observabilitySection = section({
  usage_reporting_period: duration(60_000, 'notNegative'),
  listen: listen.prefault({}),
  prometheus: section({ url_path: urlPath('/metrics') }).prefault({}),
  liveness_probe: section({ url_path: urlPath('/liveness') }).prefault({}),
  readiness_probe: section({ url_path: urlPath('/readiness') }).prefault({}),
  // Ours: the last transitions of all statecharts, in memory.
  flight_recorder: section({ enabled: flag(true) }).prefault({}),
  dashboard: dashboard.prefault({}),
  tracing: tracing.optional(),
  sentry: section({ dsn: text(''), environment: text('') }).prefault({}),
  logging: section({ level: logLevel('info'), grpc_level: logLevel('error') }).prefault({}),
  google_profiler: googleProfiler.prefault({}),
});

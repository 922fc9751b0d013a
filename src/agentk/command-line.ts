/**
 * The command line and the environment of `agentk` (`spec/agentk.md §1.1`, §1.2), as a pure function from both to options.
 *
 * L1. Every flag of the original is taken. One that would have an effect there and has none here is refused, not ignored.
 * L2. The token is taken out of the environment object it was read from.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { versionText } from './build-info.ts';
import type { BuildInfo } from './build-info.ts';
import type { KubernetesFlags } from './kubernetes/index.ts';
import type { AgentkOptions } from './options.ts';

export type CommandLine =
  | { readonly kind: 'run'; readonly options: Omit<AgentkOptions, 'ports'> }
  /** Print it and end with 0. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

interface Flags extends KubernetesFlags {
  readonly kasAddress: string;
  readonly tokenFile: string;
  readonly caCertFile: string;
  readonly kasCaCertFile: string;
  readonly kasHeader: readonly string[];
  readonly kasInsecureSkipTlsVerify: boolean;
  readonly kasTlsServerName: string;
  readonly gitopsAllowEmpty: boolean;
  readonly gitopsDeletionsMax: string;
  readonly observabilityListenNetwork: string;
  readonly observabilityListenAddress: string;
  readonly observabilityCertFile: string;
  readonly observabilityKeyFile: string;
  readonly requestTimeout: string;
  /** The last two are the doctor's alone. */
  readonly idle?: string;
  readonly output?: string;
}

type Env = Record<string, string | undefined>;

/** Reads both. Files that hold the token are read here; everything else is only taken over. */
export function readCommandLine(args: readonly string[], env: Env, build: BuildInfo): CommandLine {
  return parsed<CommandLine>(agentkCommand(build), args, (flags) => {
    const token = readToken(flags.tokenFile, env);
    if (token === undefined) throw new Error('no agent token: give token-file or AGENTK_TOKEN');
    const pod = { namespace: required(env, 'POD_NAMESPACE'), name: required(env, 'POD_NAME') };
    return { kind: 'run', options: { ...optionsOf(flags, env, build), token, pod } };
  });
}

/** What a doctor is asked for: the same, but it also looks at what is not complete yet. */
export type DoctorLine =
  | Exclude<CommandLine, { kind: 'run' }>
  | {
      readonly kind: 'run';
      readonly options: Omit<AgentkOptions, 'ports' | 'token' | 'pod'>;
      readonly token: string | undefined;
      /** Undefined outside a pod. */
      readonly pod: AgentkOptions['pod'] | undefined;
      /** How long to keep a connection idle, when at all. */
      readonly idleMs: number | undefined;
      readonly json: boolean;
    };

/** Reads the flags and the environment of agentk for `kastor doctor agent`. */
export function readDoctorLine(args: readonly string[], env: Env, build: BuildInfo): DoctorLine {
  const command = agentkCommand(build)
    .name('kastor doctor agent')
    .description(
      'climb every step from here to kas and to the API server as agentk would, and say which one is broken. ' +
        'Takes the flags and the environment of agentk; without a token everything before authentication is looked at',
    )
    .option('--idle <duration>', 'also keep the connection idle so long (e.g. 70s) and tell when it is cut')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'));
  return parsed<DoctorLine>(command, args, (flags) => {
    const { POD_NAMESPACE: namespace = '', POD_NAME: name = '' } = env;
    return {
      kind: 'run',
      options: optionsOf(flags, env, build),
      token: readToken(flags.tokenFile, env),
      pod: namespace === '' || name === '' ? undefined : { namespace, name },
      idleMs: flags.idle === undefined ? undefined : durationMs('idle', flags.idle),
      json: flags.output === 'json',
    };
  });
}

type Fault = Exclude<CommandLine, { kind: 'run' }>;

/** Parses and makes something of the flags; what is thrown there is an error of the command line. */
function parsed<Line>(command: Command, args: readonly string[], make: (flags: Flags) => Line): Line | Fault {
  let printed = '';
  command.exitOverride().configureOutput({ writeOut: (text) => (printed += text), writeErr: () => {} });
  try {
    command.parse(withPlainBooleans(args, command), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'text', text: printed };
    return { kind: 'error', message: error.message.replace(/^error: /, '') };
  }
  try {
    return make(command.opts<Flags>());
  } catch (error) {
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

function optionsOf(flags: Flags, env: Env, build: BuildInfo): Omit<AgentkOptions, 'ports' | 'token' | 'pod'> {
  if (flags.kasAddress === '') throw new Error('kas-address must be given');
  const { caCertFile, kasCaCertFile } = flags;
  if (caCertFile !== '' && kasCaCertFile !== '' && caCertFile !== kasCaCertFile) {
    throw new Error('ca-cert-file and kas-ca-cert-file are one setting, but name different files');
  }
  const caFile = kasCaCertFile === '' ? caCertFile : kasCaCertFile;
  if (caFile !== '') readFileSync(caFile); // an unreadable file is told at start, not at the first dial
  return {
    kasAddress: flags.kasAddress,
    kasHeaders: flags.kasHeader,
    kasCaFile: given(caFile),
    kasServerName: given(flags.kasTlsServerName),
    gitopsGuard: {
      holdsEmptiness: !flags.gitopsAllowEmpty,
      deletionsMax: deletionsMax(flags.gitopsDeletionsMax),
    },
    kasSkipVerify: flags.kasInsecureSkipTlsVerify,
    build,
    observability: {
      network: flags.observabilityListenNetwork,
      address: flags.observabilityListenAddress,
      certFile: given(flags.observabilityCertFile),
      keyFile: given(flags.observabilityKeyFile),
    },
    kubernetes: flags,
    kubernetesCallMsMax: durationMs('request-timeout', flags.requestTimeout),
    env,
  };
}

/** The token, if one is given, without line ends and blanks, which can never be part of it (`spec/agentk.md §1.2`). */
function readToken(tokenFile: string, env: Env): string | undefined {
  const fromEnv = env['AGENTK_TOKEN'];
  delete env['AGENTK_TOKEN']; // L2
  if (fromEnv !== undefined && tokenFile !== '') {
    throw new Error('both token-file and AGENTK_TOKEN are given, only one may be');
  }
  if (fromEnv === undefined && tokenFile === '') return undefined;
  const token = (fromEnv ?? readFileSync(tokenFile, 'utf8')).trim();
  if (token === '') throw new Error('the agent token is empty');
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('the agent token contains characters no token has');
  return token;
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** A time as kubectl takes it: seconds without a unit, or like `1m30s`; undefined for none. */
function durationMs(flag: string, text: string): number | undefined {
  const withUnit = /^\d+$/.test(text) ? `${text}s` : text;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(withUnit)) {
    throw new Error(`${flag} must be like 30, 30s or 1m30s, not ${JSON.stringify(text)}`);
  }
  let ms = 0;
  for (const [, amount, unit = ''] of withUnit.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    ms += Number(amount) * (unitMs[unit] ?? 0);
  }
  return ms === 0 ? undefined : Math.ceil(ms);
}

function deletionsMax(text: string): number {
  if (text === '') return Infinity;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error('gitops-deletions-max must be a whole number, e.g. 20');
}

function required(env: Env, name: string): string {
  const value = env[name] ?? '';
  if (value === '') throw new Error(`environment variable ${name} must be set and not empty`);
  return value;
}

function given(value: string): string | undefined {
  return value === '' ? undefined : value;
}

function agentkCommand(build: BuildInfo): Command {
  const repeated = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
  const command = new Command('agentk')
    .description('GitLab agent for Kubernetes')
    .version(versionText(build), '--version', 'print the version')
    .allowExcessArguments(false)
    .option(
      '--kas-address <url>',
      'URL of kas: grpc://host[:port], grpcs://host[:port], ws://... or wss://... (required)',
      '',
    )
    .option('--token-file <file>', 'file with the agent token', '')
    .option('--ca-cert-file <file>', 'PEM certificates trusted for kas, beside those of the system', '')
    .option('--kas-ca-cert-file <file>', 'same as --ca-cert-file', '')
    .addOption(
      new Option(
        '--kas-header <header>',
        'extra `Name: value` for calls to kas, or for the WebSocket (repeatable)',
      )
        .argParser(repeated)
        .default([], 'none'),
    )
    .option('--kas-insecure-skip-tls-verify', 'do not verify the certificate of kas', false)
    .option('--kas-tls-server-name <name>', 'name to expect in the certificate of kas', '')
    .option(
      '--gitops-allow-empty',
      'a manifest project without any object deletes all it had, as the original does; else it asks',
      false,
    )
    .option(
      '--gitops-deletions-max <number>',
      'more deletions than this in one synchronisation ask first (default: no limit)',
      '',
    )
    .option('--observability-listen-network <network>', 'tcp, tcp4, tcp6 or unix', 'tcp')
    .option('--observability-listen-address <address>', 'where probes and metrics are served', ':8080')
    .option('--observability-cert-file <file>', 'TLS certificate for it', '')
    .option('--observability-key-file <file>', 'TLS key for it', '');
  return kubernetesOptions(command, repeated);
}

/** The connection flags of kubectl. Absent ones stay absent: the kubeconfig decides. */
function kubernetesOptions(
  command: Command,
  repeated: (value: string, before: readonly string[] | undefined) => readonly string[],
): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig instead of the service account')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--cluster <name>', 'cluster of the kubeconfig')
    .option('--user <name>', 'user of the kubeconfig')
    .option('-s, --server <address>', 'address of the Kubernetes API server')
    .option('--certificate-authority <file>', 'PEM certificates that the API server is verified with')
    .option('--client-certificate <file>', 'client certificate for the API server')
    .option('--client-key <file>', 'its key')
    .option('--tls-server-name <name>', 'name to expect in the certificate of the API server')
    .option('--insecure-skip-tls-verify', 'do not verify the certificate of the API server')
    .option('--token <token>', 'bearer token for the API server')
    .option('--as <user>', 'user to impersonate')
    .option('--as-uid <uid>', 'uid to impersonate')
    .addOption(new Option('--as-group <group>', 'group to impersonate (repeatable)').argParser(repeated))
    .option(
      '--request-timeout <duration>',
      'limit for calls of the API server by agentk itself; 0 for its own limits',
      '0',
    )
    .option('--disable-compression', 'no effect: agentk never asks for compression by itself')
    .option('--cache-dir <dir>', 'no effect: agentk keeps no cache on disk')
    .option('-n, --namespace <name>', 'no effect: agentk works in the namespace of its pod');
}

/** Go's flags take `--flag=true` for booleans; these become what commander takes. */
function withPlainBooleans(args: readonly string[], command: Command): string[] {
  const booleans = new Set(
    command.options.filter((option) => option.isBoolean()).map((option) => option.long),
  );
  return args.flatMap((arg) => {
    const [, name = '', value = ''] = /^(--[a-z-]+)=(.*)$/.exec(arg) ?? [];
    if (!booleans.has(name)) return [arg];
    if (/^(?:true|t|1)$/i.test(value)) return [name];
    return /^(?:false|f|0)$/i.test(value) ? [] : [arg];
  });
}

/** Which kas is asked, and with what: address, token, certificate authority. Tokens come from files or the environment only. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Option } from 'commander';
import { Trouble } from './trouble.ts';

export interface TargetOptions {
  readonly kas: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

export interface Target {
  /** Of a Unix socket: `http://localhost`. */
  readonly url: URL;
  readonly socketPath: string | undefined;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  /** As people wrote it. */
  readonly name: string;
}

export const defaultAddress = 'http://127.0.0.1:8151';

export const addressRemedy =
  'Give --kas the address of observability.listen, e.g. http://127.0.0.1:8151; in a cluster, through kubectl port-forward';

const tokenBytesMax = 4_096;

/** Adds the options that say which kas is meant; the same for all commands that ask one. */
export function withTarget(command: Command): Command {
  return command
    .addOption(
      new Option('--kas <address>', 'observability endpoint of kas: an address, or unix:/path/of/a/socket')
        .env('KASTOR_KAS')
        .default(defaultAddress),
    )
    .addOption(
      new Option(
        '--token-file <file>',
        "token of kas's dashboard; the token itself may be in KASTOR_TOKEN",
      ).env('KASTOR_TOKEN_FILE'),
    )
    .addOption(
      new Option('--ca-file <file>', 'certificate authorities (PEM) to trust beside those of the system').env(
        'KASTOR_CA_FILE',
      ),
    );
}

export function targetOf(
  { kas, tokenFile, caFile }: TargetOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Target {
  const ca = caFile === undefined ? undefined : fileOf('--ca-file', caFile);
  const token = tokenFrom(tokenFile, environment);
  const [, socketPath] = /^unix:(?:\/\/)?(\/.+)$/.exec(kas) ?? [];
  const base = { token, ca, name: kas };
  if (socketPath !== undefined) return { ...base, url: new URL('http://localhost'), socketPath };
  const url = URL.parse(kas.includes('://') ? kas : `http://${kas}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Trouble('usage', `--kas ${JSON.stringify(kas)} is no http or https address. ${addressRemedy}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Trouble(
      'usage',
      '--kas may not hold a password: kas wants none. Its token goes into a file, for --token-file',
    );
  }
  return { ...base, name: url.origin, url, socketPath: undefined };
}

function tokenFrom(file: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  const given = environment['KASTOR_TOKEN'];
  if (file === undefined && (given === undefined || given === '')) return undefined;
  const token = (file === undefined ? (given ?? '') : fileOf('--token-file', file)).trim();
  const where = file ?? 'KASTOR_TOKEN';
  if (token === '') throw new Trouble('usage', `there is no token in ${where}`);
  if (token.length > tokenBytesMax || !/^[!-~]+$/.test(token)) {
    throw new Trouble('usage', `what is in ${where} is no token: one line of letters, digits and signs`);
  }
  return token;
}

function fileOf(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Trouble('usage', `${option}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

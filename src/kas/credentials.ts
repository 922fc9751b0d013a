/**
 * The certificates and secrets of kas's configuration as watched files (`spec/kas.md §2.1`). All are read before anything
 * listens; later a renewed one takes effect by itself, and a broken one leaves the last good one in force.
 *
 * Whoever needs one holds a function and asks at each use: the answer is the same object until the files change.
 */
import { resolve } from 'node:path';
import {
  base64Secret,
  bearerSecret,
  certificateAuthorities,
  CredentialFiles,
  tlsPair,
  type Meaning,
  type TlsPair,
} from '../files/index.ts';
import type { Log } from '../ports/index.ts';
import type { KasConfiguration } from './configuration/index.ts';

export type Current<T> = () => T;

/** Undefined where the configuration names no file. */
export interface Credentials {
  readonly tls: Readonly<
    Record<'agents' | 'kubernetesApi' | 'observability' | 'api' | 'privateApi', Current<TlsPair> | undefined>
  >;
  readonly secrets: {
    /** Signs what kas asks GitLab. */
    readonly gitlab: Current<Buffer> | undefined;
    /** Signs what GitLab asks kas. */
    readonly api: Current<Buffer> | undefined;
    /** Signs what kas instances ask each other. */
    readonly privateApi: Current<Buffer> | undefined;
    /** Lets people read the dashboard. */
    readonly dashboard: Current<string> | undefined;
  };
  /** Trusted besides the system's. */
  readonly authorities: {
    readonly gitlab: Current<readonly string[]> | undefined;
    /** For calling other kas. */
    readonly privateApi: Current<readonly string[]> | undefined;
  };
  /** All files, by the key that names them. */
  readonly files: ReadonlyMap<string, CredentialFiles<unknown>>;
}

const gitlabSecretBytes = 32;

/** Reads all files; rejects with everything that is wrong, in words that name key and file and quote nothing. */
export async function openCredentials(
  configuration: KasConfiguration,
  folder: string,
  log: Log,
): Promise<Credentials> {
  const credentials = listCredentials(configuration, folder, log);
  await readAll([...credentials.files.values()]);
  return credentials;
}

/** The files a configuration names; none is read yet. */
export function listCredentials(configuration: KasConfiguration, folder: string, log: Log): Credentials {
  const files = new Map<string, CredentialFiles<unknown>>();
  const open = <T>(
    name: string,
    paths: readonly string[],
    parse: (contents: readonly Buffer[]) => Meaning<T>,
  ): Current<T> => {
    const credential = new CredentialFiles({
      name,
      files: paths.map((path) => resolve(folder, path)),
      parse,
      log,
    });
    files.set(name, credential);
    return () => credential.current;
  };
  const pair = (section: string, listen: TlsListen | undefined) =>
    listen === undefined || listen.certificate_file === ''
      ? undefined
      : open(`${section}.certificate_file`, [listen.certificate_file, listen.key_file], tlsPair);
  const secret = (section: string, file: string | undefined, bytes?: number) =>
    file === undefined
      ? undefined
      : open(`${section}.authentication_secret_file`, [file], base64Secret(bytes));
  const trust = (section: string, file: string | undefined) =>
    file === undefined || file === ''
      ? undefined
      : open(`${section}.ca_certificate_file`, [file], certificateAuthorities);
  const { gitlab, agent, observability, api, private_api: privateApi } = configuration;
  return {
    tls: {
      agents: pair('agent.listen', agent.listen),
      kubernetesApi: pair('agent.kubernetes_api.listen', agent.kubernetes_api?.listen),
      observability: pair('observability.listen', observability.listen),
      api: pair('api.listen', api?.listen),
      privateApi: pair('private_api.listen', privateApi?.listen),
    },
    secrets: {
      gitlab: secret('gitlab', gitlab.authentication_secret_file, gitlabSecretBytes),
      api: secret('api.listen', api?.listen.authentication_secret_file),
      privateApi: secret('private_api.listen', privateApi?.listen.authentication_secret_file),
      dashboard:
        observability.dashboard.token_file === undefined
          ? undefined
          : open('observability.dashboard.token_file', [observability.dashboard.token_file], bearerSecret),
    },
    authorities: {
      gitlab: trust('gitlab', gitlab.ca_certificate_file),
      privateApi: trust('private_api.listen', privateApi?.listen.ca_certificate_file),
    },
    files,
  };
}

interface TlsListen {
  readonly certificate_file: string;
  readonly key_file: string;
}

async function readAll(files: readonly CredentialFiles<unknown>[]): Promise<void> {
  const never = new AbortController().signal;
  const verdicts = await Promise.all(
    files.map(async (file) => ({ name: file.name, verdict: await file.read(never) })),
  );
  const problems = verdicts.flatMap(({ name, verdict }) =>
    verdict.kind === 'rejected' ? [`${name}: ${verdict.reason}`] : [],
  );
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/** The certificates of the listeners, read once at start (`spec/kas.md §2.1`). */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KasConfiguration } from './configuration/index.ts';

export interface Certificates {
  readonly agents: TlsPair | undefined;
  readonly kubernetesApi: TlsPair | undefined;
  readonly observability: TlsPair | undefined;
  readonly api: TlsPair | undefined;
  readonly privateApi: TlsPair | undefined;
}
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Rejects naming the file that cannot be read. */
export async function readCertificates(
  configuration: KasConfiguration,
  folder: string,
): Promise<Certificates> {
  const pair = async (listen: { certificate_file: string; key_file: string } | undefined) => {
    if (listen === undefined || listen.certificate_file === '') return undefined;
    const read = (file: string) => readFile(resolve(folder, file), 'utf8');
    return { cert: await read(listen.certificate_file), key: await read(listen.key_file) };
  };
  const { agent, observability, api, private_api } = configuration;
  return {
    agents: await pair(agent.listen),
    kubernetesApi: await pair(agent.kubernetes_api?.listen),
    observability: await pair(observability.listen),
    api: await pair(api?.listen),
    privateApi: await pair(private_api?.listen),
  };
}

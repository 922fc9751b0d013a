/**
 * The secrets kas shares with GitLab and with other kas: files (`spec/kas.md §2.1`): standard base64 with padding, line ends ignored, nothing else. Read once
 * at start. An error names the file and never shows what is in it.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KasConfiguration } from './configuration/index.ts';

/** Undefined where the configuration has no such section. */
export interface Secrets {
  /** Signs what kas asks GitLab. */
  readonly gitlab: Buffer | undefined;
  /** Signs what GitLab asks kas. */
  readonly api: Buffer | undefined;
  /** Signs what kas instances ask each other. */
  readonly privateApi: Buffer | undefined;
}

const gitlabSecretBytes = 32;

const secretFileBytesMax = 64 * 1024;
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Rejects with a text for people that names the key and the file. */
export async function readSecrets(
  { gitlab, api, private_api }: KasConfiguration,
  folder: string,
): Promise<Secrets> {
  const read = async (section: string, file: string | undefined, bytes?: number) =>
    file === undefined
      ? undefined
      : readSecretFile(`${section}.authentication_secret_file`, resolve(folder, file), bytes);
  return {
    gitlab: await read('gitlab', gitlab.authentication_secret_file, gitlabSecretBytes),
    api: await read('api.listen', api?.listen.authentication_secret_file),
    privateApi: await read('private_api.listen', private_api?.listen.authentication_secret_file),
  };
}

/** @param bytes that the secret must have; by default any number but none */
async function readSecretFile(key: string, file: string, bytes?: number): Promise<Buffer> {
  const content = await readFile(file).catch((error: unknown) => {
    throw new Error(`${key}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const say = (what: string) => new Error(`${key}: ${file}: ${what}`);
  if (content.length > secretFileBytesMax) throw say(`larger than ${secretFileBytesMax} bytes`);
  const text = content.toString('latin1').replaceAll(/[\r\n]/g, '');
  if (!base64Pattern.test(text)) {
    throw say('not standard base64; write a secret with: head -c 32 /dev/urandom | base64');
  }
  const secret = Buffer.from(text, 'base64');
  if (secret.length === 0) throw say('holds no secret');
  if (bytes !== undefined && secret.length !== bytes) {
    throw say(`decodes to ${secret.length} bytes, expecting ${bytes} bytes`);
  }
  return secret;
}

/**
 * Files with a shared secret (`spec/kas.md §2.1`): standard base64 with padding, line ends ignored, nothing else. Read once
 * at start. An error names the file and never shows what is in it.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const secretFileBytesMax = 64 * 1024;
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The secret in a file whose path is relative to `folder`. Rejects with a text for people.
 * @param key of the configuration, for the text
 * @param bytes that the secret must have; by default any number but none
 */
export async function readSecretFile(
  key: string,
  folder: string,
  file: string,
  bytes?: number,
): Promise<Buffer> {
  const content = await readFile(resolve(folder, file)).catch((error: unknown) => {
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

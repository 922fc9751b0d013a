import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';

const host = new URL('../../src/host/index.ts', import.meta.url).href;
/** A process of its own, because what it trusts is for good. */
const client = `
const { trustSystemAuthorities } = await import(${JSON.stringify(host)});
trustSystemAuthorities();
const { request } = await import('undici');
const { statusCode } = await request(process.argv[1]);
console.log(statusCode);
`;

it('an authority of SSL_CERT_FILE is trusted by every client of the process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kastor-trust-'));
  const { certPem, keyPem } = selfSignedCertificate(['127.0.0.1'], Date.now());
  await writeFile(join(folder, 'ca.pem'), certPem);
  const server = createServer({ cert: certPem, key: keyPem }, (_, response) => void response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (environment: Readonly<Record<string, string>>) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', client, url], {
      cwd: new URL('../../', import.meta.url).pathname,
      env: { PATH: process.env['PATH'] ?? '', ...environment },
    });
  try {
    expect((await ask({ SSL_CERT_FILE: join(folder, 'ca.pem') })).stdout).toBe('200\n');
    await expect(ask({})).rejects.toThrow(/self-signed certificate|DEPTH_ZERO_SELF_SIGNED_CERT/);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});

/** A certificate authority of a test's own, made with openssl in a folder of the test. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class PrivateCa {
  readonly folder: string;
  readonly name: string;

  /** Makes `<name>.crt` and `<name>.key`. */
  constructor(folder: string, name = 'ca') {
    this.folder = folder;
    this.name = name;
    this.#openssl([
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-subj',
      `/CN=${name}`,
    ]);
  }

  get file(): string {
    return this.path(`${this.name}.crt`);
  }

  get pem(): string {
    return readFileSync(this.file, 'utf8');
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  /** Makes `<name>.crt` and `<name>.key` for the hosts, signed by this authority. */
  issue(name: string, hosts: readonly string[]): { readonly certFile: string; readonly keyFile: string } {
    const names = hosts.map((host) => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`);
    writeFileSync(this.path(`${name}.ext`), `subjectAltName=${names.join(',')}\n`);
    this.#openssl(['req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]);
    const by = ['-CA', `${this.name}.crt`, '-CAkey', `${this.name}.key`, '-CAcreateserial'];
    const what = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-days', '2', '-extfile', `${name}.ext`];
    this.#openssl(['x509', '-req', ...what, ...by]);
    return { certFile: this.path(`${name}.crt`), keyFile: this.path(`${name}.key`) };
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'ignore' });
  }
}

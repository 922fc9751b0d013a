/**
 * A self-signed certificate that is its own authority: kubectl sends no credentials without TLS, so simulated servers
 * that it talks to need one. Written as DER by hand because node:crypto reads certificates but does not make them.
 * Form: RFC 5280; key and signature: P-256 ECDSA with SHA-256. For simulation only: the private key lives in memory.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface SelfSigned {
  readonly keyPem: string;
  /** The certificate, and at the same time the authority to trust. */
  readonly certPem: string;
}

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
} as const;

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  const length = size.subarray(size.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(tags.oid, Buffer.from(bytes));
}

const sequence = (...parts: readonly Buffer[]) => der(tags.sequence, ...parts);
const truth = der(tags.boolean, Buffer.from([0xff]));

function nameOf(commonName: string): Buffer {
  return sequence(der(tags.set, sequence(oid('2.5.4.3'), der(tags.utf8, Buffer.from(commonName)))));
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(tags.utcTime, Buffer.from(digits.slice(2))); // two digits of the year: good until 2050
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [truth] : []), der(tags.octets, value));
}

/** Names and IPv4 addresses the certificate is good for. */
function alternatives(hosts: readonly string[]): Buffer {
  const entries = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return sequence(...entries);
}

/**
 * Makes a certificate for the given host names and IPv4 addresses.
 * @param nowMs milliseconds since the epoch; it is valid from an hour before, for ten years
 */
export function selfSignedCertificate(hosts: readonly string[], nowMs: number): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const name = nameOf(hosts[0] ?? 'localhost');
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01; // positive, and never a redundant leading zero
  const extensions = sequence(
    extension('2.5.29.19', true, sequence(truth)),
    extension('2.5.29.15', true, der(tags.bits, Buffer.from([0x02, 0x84]))),
    extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', false, alternatives(hosts)),
  );
  const body = sequence(
    der(0xa0, der(tags.integer, Buffer.from([2]))),
    der(tags.integer, serial),
    algorithm,
    name,
    sequence(time(nowMs - 3_600_000), time(nowMs + 10 * 365 * 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = der(tags.bits, Buffer.from([0]), sign('sha256', body, privateKey));
  const base64 = sequence(body, algorithm, signature).toString('base64').replaceAll(/.{64}/g, '$&\n').trim();
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certPem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

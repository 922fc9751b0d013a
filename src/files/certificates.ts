/** What certificate files mean: a chain with its key, and authorities to trust. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { Meaning } from './credential-files.ts';

/** PEM texts as `node:tls` takes them. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

const invalid = (reason: string) => ({ kind: 'invalid', reason }) as const;
const certificateBlock =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** A certificate chain, the server's own first, and the key of that. */
export function tlsPair([
  chain = Buffer.alloc(0),
  keyFile = Buffer.alloc(0),
]: readonly Buffer[]): Meaning<TlsPair> {
  const cert = chain.toString('utf8');
  const key = keyFile.toString('utf8');
  const certificates = certificatesIn(cert);
  if (certificates.kind === 'invalid') return invalid(`certificate_file ${certificates.reason}`);
  const privateKey = privateKeyIn(key);
  if (privateKey.kind === 'invalid') return invalid(`key_file ${privateKey.reason}`);
  const [own] = certificates.value;
  if (own === undefined || !own.checkPrivateKey(privateKey.value)) {
    return invalid('the key in key_file is not that of the first certificate in certificate_file');
  }
  return { kind: 'ok', value: { cert, key } };
}

/** The certificates of authorities, one PEM text each. */
export function certificateAuthorities([bundle = Buffer.alloc(0)]: readonly Buffer[]): Meaning<
  readonly string[]
> {
  const text = bundle.toString('utf8');
  const certificates = certificatesIn(text);
  return certificates.kind === 'invalid'
    ? certificates
    : { kind: 'ok', value: certificates.value.map((certificate) => certificate.toString()) };
}

function certificatesIn(text: string): Meaning<readonly X509Certificate[]> {
  const blocks = text.match(certificateBlock) ?? [];
  if (blocks.length === 0) return invalid('holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return invalid(`has a damaged certificate, number ${certificates.length + 1}`);
    }
  }
  return { kind: 'ok', value: certificates };
}

function privateKeyIn(text: string): Meaning<KeyObject> {
  if (!text.includes('PRIVATE KEY-----'))
    return invalid('holds no key in PEM form (-----BEGIN PRIVATE KEY-----)');
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(text)) {
    return invalid('holds an encrypted key; write it without a passphrase');
  }
  try {
    return { kind: 'ok', value: createPrivateKey(text) };
  } catch {
    return invalid('holds a damaged key');
  }
}

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateAuthorities, tlsPair } from '../../src/files/index.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';

const one = selfSignedCertificate(['one.example'], Date.UTC(2024, 0, 1));
const other = selfSignedCertificate(['other.example'], Date.UTC(2024, 0, 1));
const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
});
const pairOf = (cert: string, key: string) => tlsPair([Buffer.from(cert), Buffer.from(key)]);

describe('a certificate and its key', () => {
  it('are taken with what stands behind the first certificate', () => {
    const chain = `${one.certPem}\n${other.certPem}`;
    expect(pairOf(chain, one.keyPem)).toEqual({
      kind: 'ok',
      value: { cert: chain, key: one.keyPem },
    });
  });

  it.each([
    ['nothing', '', one.keyPem, /^certificate_file holds no certificate in PEM form/],
    [
      'a damaged certificate',
      one.certPem.replace(/\n.{20}/, '\n'),
      one.keyPem,
      /^certificate_file has a damaged certificate, number 1/,
    ],
    ['no key', one.certPem, one.certPem, /^key_file holds no key in PEM form/],
    ['a damaged key', one.certPem, one.keyPem.replace(/\n.{20}/, '\n'), /^key_file holds a damaged key/],
    [
      'an encrypted key',
      one.certPem,
      encrypted,
      /^key_file holds an encrypted key; write it without a passphrase/,
    ],
    ["another's key", one.certPem, other.keyPem, /^the key in key_file is not that of the first certificate/],
  ])('%s is refused', (_, cert, key, reason) => {
    expect(pairOf(cert, key)).toMatchObject({ kind: 'invalid', reason: expect.stringMatching(reason) });
  });
});

describe('authorities', () => {
  it('are told apart', () => {
    const bundle = certificateAuthorities([Buffer.from(`# roots\n${one.certPem}\n${other.certPem}`)]);
    expect(bundle).toMatchObject({ kind: 'ok', value: [one.certPem, other.certPem] });
  });

  it('that are none are refused', () => {
    expect(certificateAuthorities([Buffer.from('none')])).toMatchObject({ kind: 'invalid' });
  });
});

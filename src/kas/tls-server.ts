/** TLS of the listeners: versions and suites, and a certificate that may be renewed while they listen (`spec/kas.md §2.1`). */
import type { Server } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { TlsPair } from '../files/index.ts';
import { tlsRules } from '../pipe/tls/index.ts';

/** A server of `node:tls`, `node:https` or `node:http2`. */
interface SecureServer extends Server {
  setSecureContext(options: SecureContextOptions): void;
}

/** What such a server is made with. */
export function tlsOptions(tls: () => TlsPair): SecureContextOptions {
  return { ...tlsRules, ...tls() };
}

/** Each new connection is secured with the certificate of now; those that are open keep theirs. */
export function renewCertificate(server: SecureServer, tls: () => TlsPair): void {
  let pair = tls();
  // Before the connection is secured with what was current before.
  server.prependListener('connection', () => {
    const current = tls();
    if (current === pair) return;
    pair = current;
    server.setSecureContext({ ...tlsRules, ...current });
  });
}

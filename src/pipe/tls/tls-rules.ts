/** Versions and suites of TLS between agentk and kas (`spec/wire.md §4.2`): 1.3, and of 1.2 only what is still good. */

const keyExchanges = ['ECDHE-ECDSA', 'ECDHE-RSA'];
const ciphers = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'];

export const tlsRules = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    ...keyExchanges.flatMap((exchange) => ciphers.map((cipher) => `${exchange}-${cipher}`)),
  ].join(':'),
} as const;

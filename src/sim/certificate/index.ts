/** Self-signed TLS certificates for simulated servers and tests. */
export { selfSignedCertificate } from './self-signed.ts';

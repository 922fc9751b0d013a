/** Self-signed TLS certificates for simulated servers and tests. */
export { selfSignedCertificate, type SelfSigned } from './self-signed.ts';

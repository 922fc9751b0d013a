/** What TLS must be between agentk and kas. */
export { tlsRules } from './tls-rules.ts';

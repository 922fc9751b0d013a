/** Files that take effect again when they change: certificates, keys, secrets, and whatever else is read through a resource. */
export { filesSignature, type WatchFolder } from './change-notices.ts';
export { watchedFilesChildren, type WatchedResource } from './watched-files.actor.ts';
export { CredentialFiles, type Meaning } from './credential-files.ts';
export { base64Secret, bearerSecret } from './secrets.ts';
export { certificateAuthorities, tlsPair, type TlsPair } from './certificates.ts';

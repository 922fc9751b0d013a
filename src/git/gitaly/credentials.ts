/** What goes with every call: proof of the token, and the features GitLab switched on (`spec/gitlab.md §3.1, §3.2`). */
import { createHmac } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { featureBytesMax, featuresMax } from './limits.ts';

/** Token version 2: the seconds, signed. Good for 30 s on either side, so it is made for each call. */
export function tokenV2(token: string, unixSeconds: number): string {
  const seconds = String(unixSeconds);
  return `v2.${createHmac('sha256', token).update(seconds).digest('hex')}.${seconds}`;
}

/** Keys that are gRPC's or ours; a feature may not take their place. */
const reserved = /^(?:grpc-|:)|^(?:authorization|content-type|te|user-agent|host|connection)$|-bin$/;

/** Metadata of a call made now. Features that cannot be metadata are left out. */
export function callMetadata(
  token: string,
  features: Readonly<Record<string, string>>,
  unixSeconds: number,
): Metadata {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${tokenV2(token, unixSeconds)}`);
  for (const [name, value] of Object.entries(features).slice(0, featuresMax)) {
    const key = name.toLowerCase();
    if (!/^[0-9a-z_.-]+$/.test(key) || reserved.test(key)) continue;
    if (key.length + value.length > featureBytesMax || !/^[\x20-\x7e]*$/.test(value)) continue;
    metadata.set(key, value);
  }
  return metadata;
}

/** What Gitaly's statuses mean, over all versions of it (`spec/gitlab.md §3.6 to §3.8`). */
import type { GitFailure } from '../../ports/index.ts';
import {
  decodeFromPeer,
  GetTreeEntriesErrorSchema,
  type RpcStatus,
  StatusCode,
  statusText,
} from '../../protocol/index.ts';
import { shownText } from '../pack-protocol/index.ts';

/** The failure of any call; the calls below know more about some codes. */
export function failureOf(status: RpcStatus): GitFailure {
  const reason = reasonOf(status);
  switch (status.code) {
    case StatusCode.NotFound:
      return { kind: 'notFound', reason };
    case StatusCode.InvalidArgument:
      // An unknown storage is a matter of GitLab's configuration, not of what was asked.
      return { kind: /storage name not found/i.test(status.message) ? 'unavailable' : 'invalid', reason };
    default:
      return { kind: 'unavailable', reason };
  }
}

export function fileFailureOf(status: RpcStatus): GitFailure {
  // A corrupt repository has the same code; the originals would call the file too big.
  const isSize = status.code === StatusCode.FailedPrecondition && !/corrupt|broken/i.test(status.message);
  return isSize ? { kind: 'tooBig', reason: reasonOf(status) } : failureOf(status);
}

/**
 * A folder or revision that is not there was told by INVALID_ARGUMENT and a detail, by NOT_FOUND and the same detail for
 * recursive listings since the end of 2023, and by NOT_FOUND alone.
 */
export function listingFailureOf(status: RpcStatus): GitFailure {
  if (status.code === StatusCode.InvalidArgument && cannotResolveTree(status)) {
    return { kind: 'notFound', reason: reasonOf(status) };
  }
  return failureOf(status);
}

function cannotResolveTree({ details = [] }: RpcStatus): boolean {
  return details.some(({ typeUrl, value }) => {
    if (!typeUrl.endsWith('/gitaly.GetTreeEntriesError')) return false;
    const decoded = decodeFromPeer(GetTreeEntriesErrorSchema, value);
    return decoded.kind === 'ok' && decoded.message.error.case === 'resolveTree';
  });
}

function reasonOf(status: RpcStatus): string {
  const text = statusText({ ...status, message: shownText(status.message) });
  const refused = status.code === StatusCode.Unauthenticated || status.code === StatusCode.PermissionDenied;
  return refused ? `${text} (does Gitaly have the token GitLab gave, and is its clock within 30 s?)` : text;
}

/** `Gitops/GetObjectsToSynchronize`: a stream of one commit's manifests (`spec/kas.md §4.2`). */
import type { AgentSessions } from '../../actors/index.ts';
import type { GitopsStreams, ManifestPath } from '../../actors/gitops/index.ts';
import type { CallHandler } from '../../pipe/grpc/index.ts';
import {
  decodeFromPeer,
  ObjectsToSynchronizeRequestSchema,
  status,
  StatusCode,
  validate,
  type ObjectsToSynchronizeRequest,
} from '../../protocol/index.ts';

export function getObjectsHandler(deps: {
  readonly sessions: AgentSessions;
  readonly streams: GitopsStreams;
}): CallHandler {
  return (call) => {
    deps.sessions.admit(call, true, (admission) => {
      if (admission.kind === 'refused') return call.finish(admission.status);
      let received = false;
      call.stream.handler = {
        onMessage: (payload) => {
          received = true;
          const decoded = decodeFromPeer(ObjectsToSynchronizeRequestSchema, payload);
          if (decoded.kind === 'malformed') return call.finish(decoded.status);
          const request = decoded.message;
          const violations = validate(ObjectsToSynchronizeRequestSchema, request);
          if (violations !== undefined) return call.finish(status(StatusCode.InvalidArgument, violations));
          deps.streams.start(call, admission.session, {
            projectPath: request.projectId,
            commitId: request.commitId,
            paths: request.paths.map(pathOf),
            ref: refOf(request),
          });
        },
        onHalfClosed: () => {
          if (!received) call.finish(status(StatusCode.Internal, 'no request message'));
        },
        onDrain: () => {},
        onClosed: () => {},
      };
    });
  };
}

function pathOf({ path }: ObjectsToSynchronizeRequest['paths'][number]): ManifestPath {
  return path.case === 'glob' ? { kind: 'glob', glob: path.value } : { kind: 'file', file: path.value ?? '' };
}

function refOf({ ref }: ObjectsToSynchronizeRequest) {
  const { case: kind, value = '' } = ref?.ref ?? { case: undefined };
  if (kind === 'commit') return { kind: 'commit', commitId: value } as const;
  if (kind === 'tag') return { kind: 'ref', name: `refs/tags/${value}` } as const;
  return { kind: 'ref', name: kind === 'branch' ? `refs/heads/${value}` : 'HEAD' } as const;
}

/** `Notifications/GitPushEvent`: GitLab tells of a push, and every kas hears of it (`spec/kas.md §4.5`). */
import { create } from '@bufbuild/protobuf';
import { unaryHandler, type CallHandler } from '../../pipe/grpc/index.ts';
import type { Log, PushEvents } from '../../ports/index.ts';
import {
  GitPushEventRequestSchema,
  GitPushEventResponseSchema,
  status,
  StatusCode,
} from '../../protocol/index.ts';

export function gitPushEventHandler(deps: {
  readonly pushEvents: PushEvents;
  readonly log: Log;
}): CallHandler {
  return unaryHandler(GitPushEventRequestSchema, GitPushEventResponseSchema, async ({ event }) => {
    const project = event?.project;
    if (project === undefined) throw new Error('the request was not validated');
    try {
      await deps.pushEvents.publish({ projectId: project.id, projectPath: project.fullPath });
    } catch (error) {
      deps.log.error('Failed to publish received git push event', { error: error as Error });
      const reason = error instanceof Error ? error.message : String(error);
      return {
        status: status(StatusCode.Unavailable, `Failed to publish received git push event: ${reason}`),
      };
    }
    return { ok: create(GitPushEventResponseSchema) };
  });
}

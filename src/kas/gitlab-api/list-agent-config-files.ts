/**
 * `ConfigurationProject/ListAgentConfigFiles`: which agents have a configuration file in a repository (`spec/kas.md §4.8`).
 * GitLab says where the repository is with every call; nothing of it is kept.
 */
import { create } from '@bufbuild/protobuf';
import { gitFailureText, withDeadline } from '../../actors/index.ts';
import { unaryHandler, type CallHandler } from '../../pipe/grpc/index.ts';
import type { Clock, Git, GitRepository, Log, TreeEntry } from '../../ports/index.ts';
import {
  ListAgentConfigFilesRequestSchema,
  ListAgentConfigFilesResponseSchema,
  status,
  StatusCode,
  type GitalyInfo,
  type GitalyRepository,
} from '../../protocol/index.ts';
import { apiLimits, apiTimes } from './limits.ts';

const folder = '.gitlab/agents';
const configPattern = /^\.gitlab\/agents\/([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\/config\.yaml$/;

export function listAgentConfigFilesHandler(deps: {
  readonly git: Git;
  readonly clock: Clock;
  readonly log: Log;
}): CallHandler {
  const { git, clock, log } = deps;
  return unaryHandler(
    ListAgentConfigFilesRequestSchema,
    ListAgentConfigFilesResponseSchema,
    async (request, call) => {
      const { repository, gitalyInfo, defaultBranch } = request;
      if (repository === undefined || gitalyInfo === undefined)
        throw new Error('the request was not validated');
      const options = { recursive: true, maxEntries: apiLimits.configEntriesMax };
      const listing = await withDeadline(clock, call.signal, apiTimes.listMsMax, (signal) =>
        git.listTree(locationOf(repository, gitalyInfo), revisionOf(defaultBranch), folder, options, signal),
      );
      if (listing.kind === 'tree') {
        return {
          ok: create(ListAgentConfigFilesResponseSchema, { configFiles: configFiles(listing.entries) }),
        };
      }
      if (listing.kind === 'notFound') return { ok: create(ListAgentConfigFilesResponseSchema) };
      const text = `PathFetcher: ${gitFailureText('GetTreeEntries', listing)}`;
      if (listing.kind === 'invalid') return { status: status(StatusCode.InvalidArgument, text) };
      log.warn('Configuration files cannot be listed', {
        project_id: repository.glProjectPath,
        reason: text,
      });
      return { status: status(StatusCode.Unavailable, text) };
    },
  );
}

function configFiles(entries: readonly TreeEntry[]): { name: string; agentName: string }[] {
  return entries.flatMap(({ path, type }) => {
    const agentName = type === 'blob' ? configPattern.exec(path)?.[1] : undefined;
    return agentName === undefined ? [] : [{ name: path, agentName }];
  });
}

function revisionOf(defaultBranch: string): string {
  if (defaultBranch === '') return 'HEAD';
  return defaultBranch.startsWith('refs/heads/') ? defaultBranch : `refs/heads/${defaultBranch}`;
}

function locationOf(repository: GitalyRepository, { address, token, features }: GitalyInfo): GitRepository {
  return {
    projectPath: repository.glProjectPath,
    location: {
      kind: 'gitaly',
      address,
      token,
      features,
      storageName: repository.storageName,
      relativePath: repository.relativePath,
      glRepository: repository.glRepository,
      ...(repository.gitObjectDirectory === '' ? {} : { gitObjectDirectory: repository.gitObjectDirectory }),
      gitAlternateObjectDirectories: repository.gitAlternateObjectDirectories,
    },
  };
}

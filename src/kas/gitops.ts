/** What kas needs to deliver manifests, put together: workers, pollers of repositories, contents of commits, agents' streams. */
import { availableParallelism } from 'node:os';
import {
  WorkerPool,
  type AgentSessions,
  type MakeManifestWorkers,
  type ProjectPushes,
} from '../actors/index.ts';
import { CommitContents, gitopsLimits, GitopsStreams, RepositoryPollers } from '../actors/gitops/index.ts';
import type { CachedGitLab } from '../gitlab/cache/index.ts';
import type { CallHandler } from '../pipe/grpc/index.ts';
import type { Clock, Git, Log, Metrics, Random } from '../ports/index.ts';
import { getObjectsHandler } from './agent-api/get-objects.ts';
import type { KasConfiguration } from './configuration/index.ts';
import type { Populations } from './tree.ts';

const workerThreadsMax = 8;

export interface Gitops {
  readonly workers: WorkerPool;
  /** Serves `Gitops/GetObjectsToSynchronize`. */
  readonly getObjects: CallHandler;
  readonly pollers: RepositoryPollers;
}

export function makeGitops(deps: {
  readonly configuration: KasConfiguration['agent']['gitops'];
  readonly populations: Populations;
  readonly sessions: AgentSessions;
  readonly gitlab: CachedGitLab;
  readonly git: Git;
  readonly pushes: ProjectPushes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onDelivered: () => void;
  readonly makeWorkers: MakeManifestWorkers | undefined;
}): Gitops {
  const { configuration, populations, sessions, gitlab, git, pushes, clock, random, log, metrics } = deps;
  const threads = Math.min(availableParallelism(), workerThreadsMax);
  const workers = new WorkerPool({ clock, metrics, log, threads, make: deps.makeWorkers });
  const pollers = new RepositoryPollers({
    supervisor: () => populations.pollers,
    git,
    pushes,
    clock,
    random,
    log,
    pollMs: configuration.poll_period,
  });
  const contents = new CommitContents({
    git,
    workers,
    clock,
    bounds: {
      fileBytesMax: configuration.max_manifest_file_size,
      totalBytesMax: configuration.max_total_manifest_file_size,
      filesMax: configuration.max_number_of_files,
    },
  });
  const streams = new GitopsStreams({
    supervisor: () => populations.gitopsStreams,
    gitlab,
    pollers,
    contents,
    clock,
    random,
    log,
    pathsMax: configuration.max_number_of_paths,
    onDelivered: deps.onDelivered,
  });
  observe(metrics, pollers, streams, contents);
  return { workers, pollers, getObjects: getObjectsHandler({ sessions, streams }) };
}

function observe(
  metrics: Metrics,
  pollers: RepositoryPollers,
  streams: GitopsStreams,
  contents: CommitContents,
): void {
  const size = (name: string, help: string, read: () => number, max: number) => {
    metrics.observed({ name, help }, read);
    metrics.observed({ name: `${name}_max`, help: `Bound of ${name}` }, () => max);
  };
  size('kas_repository_pollers', 'Repositories polled', () => pollers.count, gitopsLimits.pollersMax);
  size('kas_gitops_streams', 'Streams of manifests', () => streams.count, gitopsLimits.streamsMax);
  size(
    'kas_manifest_cache_bytes',
    'File contents kept for agents',
    () => contents.blobBytes,
    gitopsLimits.blobBytesMax,
  );
}

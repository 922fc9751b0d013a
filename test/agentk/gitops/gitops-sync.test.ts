/** One manifest project through the life of `statecharts/gitops-sync.ts`: the real actor, the real reader of manifests, a scripted cluster. */
import { create } from '@bufbuild/protobuf';
import { createActor, type AnyActorRef } from 'xstate';
import { afterEach, describe, expect, it } from 'vitest';
import { createGitopsSyncLogic } from '../../../src/agentk/gitops/gitops-sync.actor.ts';
import { manifestProjectsOf } from '../../../src/agentk/gitops/manifest-project.ts';
import { ProjectWork } from '../../../src/agentk/gitops/project-work.ts';
import type { SyncInput, SyncResult } from '../../../src/agentk/gitops/sync.ts';
import type { NotRead } from '../../../src/manifests/index.ts';
import { readManifests } from '../../../src/manifests/read-manifests.ts';
import { AgentConfigurationSchema } from '../../../src/protocol/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';

const counts = { applied: 0, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };
const synced: SyncResult = { kind: 'synced', counts };
const failed: SyncResult = { kind: 'failed', reason: 'broken', counts, firstFailure: undefined };

/** A run that ends when the test says so. */
interface Run {
  readonly input: SyncInput;
  readonly signal: AbortSignal;
  end(result: SyncResult): void;
}

class World {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly runs: Run[] = [];
  readonly work: ProjectWork;
  readonly actor: AnyActorRef;
  drift: ((what: string) => void) | undefined;
  trouble: NotRead | undefined;

  constructor() {
    const configuration = create(AgentConfigurationSchema, {
      gitops: { manifestProjects: [{ id: 'a/b' }] },
    });
    const found = manifestProjectsOf(configuration, { holdsEmptiness: true, deletionsMax: Infinity });
    const [project] = found.kind === 'projects' ? found.projects : [];
    if (project === undefined) throw new Error('no project');
    this.work = new ProjectWork(project, {
      run: (input, { signal }) => new Promise((resolve) => this.runs.push({ input, signal, end: resolve })),
      watchDrift: (signal, noticed) => {
        this.drift = noticed;
        signal.addEventListener('abort', () => (this.drift = undefined));
      },
    });
    const logic = createGitopsSyncLogic(
      {
        workers: { read: (files) => Promise.resolve(this.trouble ?? readManifests(files)) },
        agentId: () => 7n,
        reporter: { follow: () => {}, rejected: () => {}, note: () => {}, ended: () => {} },
        clock: this.clock,
        random: new SeededRandom(1),
        log: this.log,
      },
      () => this.work,
    );
    this.actor = createActor(logic, {
      id: 'gitops-sync:a/b',
      clock: this.clock,
      input: { syncId: 'gitops-sync:a/b' },
    });
    this.work.sync = this.actor;
    this.actor.start();
  }

  /** Lets what was promised happen; time stands still. */
  async settle(): Promise<void> {
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  }

  async receive(commitId: string, text = 'kind: A\nmetadata: {name: a}'): Promise<void> {
    const files = [{ name: 'a.yaml', bytes: Buffer.from(text) }];
    this.work.received({ commitId, projectId: 9n, files });
    await this.settle();
  }

  async end(result: SyncResult): Promise<void> {
    this.runs.at(-1)?.end(result);
    await this.settle();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
    await this.settle();
  }

  get state(): unknown {
    const { value } = this.actor.getSnapshot() as { readonly value: { readonly following?: unknown } };
    return value.following ?? value;
  }

  get commits(): readonly string[] {
    return this.runs.map(({ input }) => input.commitId);
  }
}

let world: World;
afterEach(() => world.actor.stop());

describe('a manifest project', () => {
  it('is brought to a commit when it comes, with the numbers of agent and project', async () => {
    world = new World();
    await world.receive('c1');
    expect(world.runs[0]?.input).toMatchObject({ commitId: 'c1', agentId: 7n, projectId: 9n });
    expect(world.runs[0]?.input.manifests).toHaveLength(1);
    await world.end(synced);
    expect(world.state).toEqual({ manifests: 'usable', cluster: { synced: 'steady' } });
    expect(world.clock.pending).toBe(1);
  });

  it('is brought to it again every five minutes, not before', async () => {
    world = new World();
    await world.receive('c1');
    await world.end(synced);
    await world.pass(299_000);
    expect(world.commits).toEqual(['c1']);
    await world.pass(2_000);
    expect(world.commits).toEqual(['c1', 'c1']);
  });

  it('is not disturbed by a commit that cannot be read', async () => {
    world = new World();
    await world.receive('c1');
    await world.end(synced);
    await world.receive('c2', 'kind: [');
    expect(world.commits).toEqual(['c1']);
    expect(world.log.text).toContain('Failed to decode manifest objects');
    await world.pass(301_000);
    expect(world.commits).toEqual(['c1', 'c1']);
    await world.end(synced);
    await world.receive('c3');
    expect(world.commits).toEqual(['c1', 'c1', 'c3']);
  });

  it('is read again when there was no worker to read it', async () => {
    world = new World();
    world.trouble = { kind: 'unavailable', cause: 'crashed', reason: 'lost' };
    await world.receive('c1');
    expect([world.commits, world.state]).toEqual([[], { manifests: 'postponed', cluster: 'idle' }]);
    world.trouble = undefined;
    await world.pass(10_100);
    expect(world.commits).toEqual(['c1']);
  });

  it('leaves a run for a newer commit, and begins with it only when that run has ended', async () => {
    world = new World();
    await world.receive('c1');
    await world.receive('c2');
    expect(world.runs[0]?.signal.aborted).toBe(true);
    await world.receive('c3');
    expect(world.commits).toEqual(['c1']);
    await world.end({ kind: 'cancelled' });
    expect(world.commits).toEqual(['c1', 'c3']);
    expect(world.runs[1]?.signal.aborted).toBe(false);
  });

  it('is tried again after ten seconds and more when it failed, at once when a new commit comes', async () => {
    world = new World();
    await world.receive('c1');
    await world.end(failed);
    await world.pass(9_900);
    expect(world.commits).toEqual(['c1']);
    await world.pass(10_200);
    expect(world.commits).toEqual(['c1', 'c1']);
    await world.end(failed);
    await world.receive('c2');
    expect(world.commits).toEqual(['c1', 'c1', 'c2']);
  });

  it('is mended at once when the cluster drifts', async () => {
    world = new World();
    await world.receive('c1');
    await world.end(synced);
    world.drift?.('ConfigMap a');
    await world.pass(600);
    expect(world.commits).toEqual(['c1', 'c1']);
    expect(world.drift).toBeUndefined();
  });

  it('goes on being looked at while deletions are held', async () => {
    world = new World();
    await world.receive('c1');
    await world.end({ kind: 'held', reason: 'too many', counts });
    expect(world.state).toMatchObject({ cluster: 'held' });
    await world.pass(15_100);
    expect(world.commits).toEqual(['c1', 'c1']);
    await world.end({ kind: 'held', reason: 'too many', counts });
    expect(world.log.lines.filter(({ message }) => message.includes('are held'))).toHaveLength(1);
  });

  it('lets the run in hand end when it stops', async () => {
    world = new World();
    await world.receive('c1');
    world.actor.send({ type: 'stop.requested' });
    expect(world.runs[0]?.signal.aborted).toBe(true);
    expect(world.actor.getSnapshot().status).toBe('active');
    await world.end({ kind: 'cancelled' });
    expect(world.actor.getSnapshot().status).toBe('done');
    expect(world.clock.pending).toBe(0);
  });

  it('stops at once when nothing is under way', () => {
    world = new World();
    world.actor.send({ type: 'stop.requested' });
    expect(world.actor.getSnapshot().status).toBe('done');
  });
});

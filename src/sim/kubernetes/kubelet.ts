/**
 * The scheduler and the kubelets: pods get a node, start, run, and end. Nothing really runs.
 *
 * P1. A pod whose image has the tag `does-not-exist` never starts: for those who test failure.
 * P2. A pod that need not run forever (`restartPolicy` is not Always) succeeds after a while.
 */
import type { Clock } from '../../ports/index.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from './json.ts';
import type { Kind, KindRegistry } from './kinds.ts';
import { paces } from './limits.ts';
import type { KubeObject } from './objects.ts';
import type { EventRecorder } from './recorder.ts';
import { kubeTime, type Resources } from './resources.ts';
import type { Change, Store } from './store.ts';

export interface KubeletDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly resources: Resources;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
}

export class Kubelet {
  private readonly deps: KubeletDeps;
  private readonly pods: Kind;
  /** The next step of each pod, by uid; at most one waits. */
  private readonly timers = new Map<string, unknown>();
  private readonly unsubscribe: () => void;
  private turn = 0;

  constructor(deps: KubeletDeps) {
    this.deps = deps;
    this.pods = deps.kinds.builtin('v1', 'pods');
    this.unsubscribe = deps.store.subscribe((change) => this.notice(change));
  }

  stop(): void {
    this.unsubscribe();
    for (const timer of this.timers.values()) this.deps.clock.clearTimeout(timer);
    this.timers.clear();
  }

  private notice(change: Change): void {
    const { collection, object, type } = change;
    if (collection === '/nodes' && type !== 'DELETED') {
      for (const pod of this.deps.store.list('/pods')) this.plan(pod);
    }
    if (collection !== '/pods') return;
    if (type === 'DELETED') this.cancel(object.metadata.uid);
    else if (
      type === 'ADDED' ||
      change.previous?.metadata.deletionTimestamp !== object.metadata.deletionTimestamp
    ) {
      this.cancel(object.metadata.uid);
      this.plan(object);
    }
  }

  private cancel(uid: string): void {
    const timer = this.timers.get(uid);
    if (timer !== undefined) this.deps.clock.clearTimeout(timer);
    this.timers.delete(uid);
  }

  /** What comes next in this pod's life. */
  private plan(pod: KubeObject): void {
    const phase = textAt(pod, 'status', 'phase');
    const placed = textAt(pod, 'spec', 'nodeName') !== '';
    const terminating = pod.metadata.deletionTimestamp !== undefined;
    if (terminating && !placed) return;
    if (terminating) this.after(pod, this.terminationMs(pod), (current) => this.terminated(current));
    else if (phase === 'Pending' && !placed)
      this.after(pod, paces.podScheduledMs, (one) => this.schedule(one));
    else if (phase === 'Pending') this.after(pod, paces.podRunningMs, (one) => this.run(one));
    else if (phase === 'Running' && textAt(pod, 'spec', 'restartPolicy') !== 'Always') {
      this.after(pod, paces.jobPodRunsMs, (one) => this.succeed(one)); // P2
    }
  }

  private terminationMs(pod: KubeObject): number {
    return Math.min(paces.podTerminatedMs, (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1_000);
  }

  private after(pod: KubeObject, delayMs: number, step: (current: KubeObject) => void): void {
    const { uid, namespace, name } = pod.metadata;
    if (this.timers.has(uid)) return;
    const timer = this.deps.clock.setTimeout(() => {
      this.timers.delete(uid);
      const current = this.deps.store.get('/pods', namespace, name);
      if (current?.metadata.uid === uid) step(current);
    }, delayMs);
    this.timers.set(uid, timer);
  }

  private writeStatus(pod: KubeObject, status: JsonObject): KubeObject | undefined {
    const body = { ...pod, status: { ...objectAt(pod, 'status'), ...status } };
    const options = { dryRun: false, fieldManager: 'kubelet', subresource: 'status' };
    const written = this.deps.resources.replace(this.pods, pod, body, options);
    return 'object' in written ? written.object : undefined;
  }

  private schedule(pod: KubeObject): void {
    const nodes = this.deps.store
      .list('/nodes')
      .filter((node) => objectAt(node, 'spec')['unschedulable'] !== true);
    const node = nodes[this.turn % Math.max(1, nodes.length)];
    const since = kubeTime(this.deps.clock.now());
    if (node === undefined) {
      const message = '0/0 nodes are available';
      const waiting = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
      this.writeStatus(pod, { conditions: [{ ...waiting, lastTransitionTime: since }] });
      return;
    }
    this.turn += 1;
    const spec = { ...objectAt(pod, 'spec'), nodeName: node.metadata.name };
    const options = { dryRun: false, fieldManager: 'kube-scheduler', subresource: '' };
    const placed = this.deps.resources.replace(this.pods, pod, { ...pod, spec }, options);
    if (!('object' in placed)) return;
    const { name, namespace = '' } = pod.metadata;
    const message = `Successfully assigned ${namespace}/${name} to ${node.metadata.name}`;
    this.deps.recorder.record(pod, 'default-scheduler', 'Scheduled', message);
    const creating = this.writeStatus(placed.object, {
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: since }],
      containerStatuses: this.containers(pod, { waiting: { reason: this.waitingReason(pod) } }, false),
      hostIP: '10.0.0.1',
      startTime: since,
    });
    if (creating !== undefined && this.waitingReason(pod) === 'ContainerCreating') this.plan(creating);
  }

  /** P1. */
  private waitingReason(pod: KubeObject): string {
    const images = listAt(pod, 'spec', 'containers').map((container) => textAt(container, 'image'));
    return images.some((image) => image.endsWith(':does-not-exist'))
      ? 'ImagePullBackOff'
      : 'ContainerCreating';
  }

  private containers(pod: KubeObject, state: JsonObject, ready: boolean): readonly JsonObject[] {
    return listAt(pod, 'spec', 'containers')
      .filter(isObject)
      .map((container) => ({
        name: container['name'],
        image: container['image'],
        imageID: '',
        ready,
        started: ready,
        restartCount: 0,
        state,
        lastState: {},
      }));
  }

  private run(pod: KubeObject): void {
    const since = kubeTime(this.deps.clock.now());
    for (const container of listAt(pod, 'spec', 'containers')) {
      const [name, image] = [textAt(container, 'name'), textAt(container, 'image')];
      this.deps.recorder.record(
        pod,
        'kubelet',
        'Pulled',
        `Container image "${image}" already present on machine`,
      );
      this.deps.recorder.record(pod, 'kubelet', 'Started', `Started container ${name}`);
    }
    this.turn += 1;
    const podIP = `10.244.${Math.floor(this.turn / 250) % 250}.${(this.turn % 250) + 2}`;
    const running = this.writeStatus(pod, {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      containerStatuses: this.containers(pod, { running: { startedAt: since } }, true),
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: since,
      })),
    });
    if (running !== undefined) this.plan(running);
  }

  private succeed(pod: KubeObject): void {
    const finishedAt = kubeTime(this.deps.clock.now());
    const startedAt = textAt(pod, 'status', 'startTime');
    const terminated = { exitCode: 0, reason: 'Completed', startedAt, finishedAt };
    this.writeStatus(pod, {
      phase: 'Succeeded',
      containerStatuses: this.containers(pod, { terminated }, false),
      conditions: [
        { type: 'Ready', status: 'False', reason: 'PodCompleted', lastTransitionTime: finishedAt },
      ],
    });
  }

  private terminated(pod: KubeObject): void {
    this.deps.resources.delete(this.pods, pod.metadata.namespace, pod.metadata.name, {
      dryRun: false,
      gracePeriodSeconds: 0,
      propagationPolicy: '',
      uid: pod.metadata.uid,
      resourceVersion: '',
    });
  }
}

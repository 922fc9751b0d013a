/** Kubernetes Events of the simulated controllers: what `kubectl describe` and `kubectl get events` show. */
import type { Clock } from '../../ports/index.ts';
import type { KindRegistry } from './kinds.ts';
import { apiVersionOf } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { kubeTime, type Resources } from './resources.ts';

export class EventRecorder {
  private readonly resources: Resources;
  private readonly kinds: KindRegistry;
  private readonly clock: Clock;
  private count = 0;

  constructor(resources: Resources, kinds: KindRegistry, clock: Clock) {
    this.resources = resources;
    this.kinds = kinds;
    this.clock = clock;
  }

  /** Tells that something happened to an object. An event that cannot be stored is dropped: it is only talk. */
  record(object: KubeObject, component: string, reason: string, message: string): void {
    const kind = this.kinds.builtin('v1', 'events');
    const { name, namespace = 'default', uid, resourceVersion } = object.metadata;
    const time = kubeTime(this.clock.now());
    this.count += 1;
    this.resources.trimEvents(kind);
    const event: KubeObject = {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: {
        name: `${name.slice(0, 200)}.${this.count.toString(16).padStart(8, '0')}`,
        uid: '',
        resourceVersion: '',
        creationTimestamp: '',
      },
      involvedObject: {
        kind: object.kind,
        apiVersion: object.apiVersion,
        namespace,
        name,
        uid,
        resourceVersion,
      },
      reason,
      message,
      type: 'Normal',
      source: { component },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: component,
      reportingInstance: '',
      eventTime: null,
    };
    this.resources.create(kind, namespace, event, {
      dryRun: false,
      fieldManager: component,
      subresource: '',
    });
  }
}

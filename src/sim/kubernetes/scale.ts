/** The `scale` subresource: replicas without the rest. */
import { isObject, numberAt, objectAt, stringsAt, type JsonObject } from './json.ts';
import type { KubeObject } from './objects.ts';

export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = Object.entries(stringsAt(object, 'spec', 'selector', 'matchLabels'));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 0 },
    status: {
      replicas: numberAt(object, 'status', 'replicas') ?? 0,
      selector: labels.map(([key, value]) => `${key}=${value}`).join(','),
    },
  };
}

/** The object with the replicas a Scale asks for. */
export function scaled(object: KubeObject, scale: JsonObject): KubeObject {
  const spec = objectAt(object, 'spec');
  const replicas = numberAt(scale, 'spec', 'replicas') ?? 0;
  const told = isObject(scale['metadata']) ? scale['metadata']['resourceVersion'] : undefined;
  const resourceVersion = typeof told === 'string' ? told : object.metadata.resourceVersion;
  return { ...object, metadata: { ...object.metadata, resourceVersion }, spec: { ...spec, replicas } };
}

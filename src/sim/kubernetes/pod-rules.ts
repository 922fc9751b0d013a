/** Defaults and checks of pods and of the pod templates inside workloads. */
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from './json.ts';
import { invalidValue, required, type Cause } from './refusal.ts';

function defaultedContainer(container: unknown): unknown {
  if (!isObject(container)) return container;
  const image = textAt(container, 'image');
  const latest = image.endsWith(':latest') || !/[:@]/.test(image.slice(image.lastIndexOf('/') + 1));
  const ports = container['ports'];
  return {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
    ...container,
    ...(Array.isArray(ports)
      ? { ports: ports.map((port: unknown) => (isObject(port) ? { protocol: 'TCP', ...port } : port)) }
      : {}),
  };
}

/** A pod's spec with what the server fills in; `restartPolicy` differs for jobs, so the caller says it. */
export function defaultedPodSpec(spec: JsonObject): JsonObject {
  const containers = (name: string) =>
    Array.isArray(spec[name]) ? { [name]: listAt(spec, name).map(defaultedContainer) } : {};
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    ...spec,
    ...containers('containers'),
    ...containers('initContainers'),
  };
}

/** Fields of a bare pod that a template does not have. */
export function defaultedPod(spec: JsonObject): JsonObject {
  return { enableServiceLinks: true, ...defaultedPodSpec(spec) };
}

export function podSpecCauses(spec: unknown, path: string): readonly Cause[] {
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) return [required(`${path}.containers`)];
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const name = textAt(container, 'name');
    if (name === '') causes.push(required(`${path}.containers[${index}].name`));
    else if (seen.has(name)) {
      const field = `${path}.containers[${index}].name`;
      causes.push({
        field,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(name)}`,
      });
    }
    seen.add(name);
    if (textAt(container, 'image') === '') causes.push(required(`${path}.containers[${index}].image`));
  }
  return causes;
}

/** The parts of a pod's spec that may change after creation, blanked for comparison. */
export function withoutMutableParts(spec: unknown): JsonObject {
  const blank = (container: unknown) => (isObject(container) ? { ...container, image: '' } : container);
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    terminationGracePeriodSeconds: _grace,
    nodeName: _node,
    ...rest
  } = objectAt(spec);
  return {
    ...rest,
    containers: listAt(spec, 'containers').map(blank),
    initContainers: listAt(spec, 'initContainers').map(blank),
  };
}

/** Checks a workload's selector against the labels of its template. */
export function templateCauses(spec: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  const wanted = at(spec, 'selector', 'matchLabels');
  const labels = objectAt(spec, 'template', 'metadata', 'labels');
  if (at(spec, 'selector') === undefined) causes.push(required('spec.selector'));
  else if (isObject(wanted) && Object.entries(wanted).some(([name, value]) => labels[name] !== value)) {
    const message = '`selector` does not match template `labels`';
    causes.push(invalidValue('spec.template.metadata.labels', labels, message));
  }
  return [...causes, ...podSpecCauses(at(spec, 'template', 'spec'), 'spec.template.spec')];
}

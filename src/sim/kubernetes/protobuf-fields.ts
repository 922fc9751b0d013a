/**
 * Field numbers of the Kubernetes messages that kubectl's own commands send as Protobuf, as published with the API
 * (k8s.io/api 0.32): `number name type`, where `s` string, `b` bool, `i` integer, `y` bytes, `-` left out, a leading `*`
 * repeated, a leading `%` map by name. Parts these commands never write are not listed.
 */
export const protobufFields: Readonly<Record<string, string>> = {
  Namespace: '1 metadata ObjectMeta; 2 spec NamespaceSpec; 3 status -',
  ConfigMap: '1 metadata ObjectMeta; 4 immutable b; 2 data %s; 3 binaryData %y',
  Secret: '1 metadata ObjectMeta; 5 immutable b; 2 data %y; 4 stringData %s; 3 type s',
  ServiceAccount: `
    1 metadata ObjectMeta; 2 secrets *ObjectReference; 3 imagePullSecrets *LocalObjectReference;
    4 automountServiceAccountToken b`,
  Service: '1 metadata ObjectMeta; 2 spec ServiceSpec; 3 status -',
  Pod: '1 metadata ObjectMeta; 2 spec PodSpec; 3 status -',
  Event: `
    1 metadata ObjectMeta; 2 involvedObject ObjectReference; 3 reason s; 4 message s;
    5 source EventSource; 6 firstTimestamp Time; 7 lastTimestamp Time; 8 count i; 9 type s;
    10 eventTime MicroTime; 12 action s; 13 related ObjectReference; 14 reportingComponent s;
    15 reportingInstance s`,
  Deployment: '1 metadata ObjectMeta; 2 spec DeploymentSpec; 3 status -',
  StatefulSet: '1 metadata ObjectMeta; 2 spec StatefulSetSpec; 3 status -',
  DaemonSet: '1 metadata ObjectMeta; 2 spec DaemonSetSpec; 3 status -',
  ReplicaSet: '1 metadata ObjectMeta; 2 spec ReplicaSetSpec; 3 status -',
  Job: '1 metadata ObjectMeta; 2 spec JobSpec; 3 status -',
  Role: '1 metadata ObjectMeta; 2 rules *PolicyRule',
  ClusterRole: '1 metadata ObjectMeta; 2 rules *PolicyRule',
  RoleBinding: '1 metadata ObjectMeta; 2 subjects *Subject; 3 roleRef RoleRef',
  ClusterRoleBinding: '1 metadata ObjectMeta; 2 subjects *Subject; 3 roleRef RoleRef',
  Lease: '1 metadata ObjectMeta; 2 spec LeaseSpec',
  TokenRequest: '1 metadata ObjectMeta; 2 spec TokenRequestSpec; 3 status -',
  TokenReview: '1 metadata ObjectMeta; 2 spec TokenReviewSpec; 3 status -',
  SelfSubjectReview: '1 metadata ObjectMeta; 2 status -',
  SelfSubjectAccessReview: '1 metadata ObjectMeta; 2 spec SelfSubjectAccessReviewSpec; 3 status -',
  SelfSubjectRulesReview: '1 metadata ObjectMeta; 2 spec SelfSubjectRulesReviewSpec; 3 status -',
  SubjectAccessReview: '1 metadata ObjectMeta; 2 spec SubjectAccessReviewSpec; 3 status -',
  Scale: '1 metadata ObjectMeta; 2 spec ScaleSpec; 3 status -',
  DeleteOptions: `
    1 gracePeriodSeconds i; 2 preconditions Preconditions; 3 orphanDependents b; 4 propagationPolicy s;
    5 dryRun *s; 6 ignoreStoreReadErrorWithClusterBreakingPotential b`,
  ObjectMeta: `
    1 name s; 2 generateName s; 3 namespace s; 4 selfLink s; 5 uid s; 6 resourceVersion s;
    7 generation i; 8 creationTimestamp Time; 9 deletionTimestamp Time;
    10 deletionGracePeriodSeconds i; 11 labels %s; 12 annotations %s;
    13 ownerReferences *OwnerReference; 14 finalizers *s; 17 managedFields *ManagedFieldsEntry`,
  NamespaceSpec: '1 finalizers *s',
  ObjectReference: `
    1 kind s; 2 namespace s; 3 name s; 4 uid s; 5 apiVersion s; 6 resourceVersion s; 7 fieldPath s`,
  LocalObjectReference: '1 name s',
  ServiceSpec: `
    1 ports *ServicePort; 2 selector %s; 3 clusterIP s; 18 clusterIPs *s; 4 type s; 5 externalIPs *s;
    7 sessionAffinity s; 8 loadBalancerIP s; 9 loadBalancerSourceRanges *s; 10 externalName s;
    11 externalTrafficPolicy s; 12 healthCheckNodePort i; 13 publishNotReadyAddresses b;
    19 ipFamilies *s; 17 ipFamilyPolicy s; 20 allocateLoadBalancerNodePorts b; 21 loadBalancerClass s;
    22 internalTrafficPolicy s; 23 trafficDistribution s`,
  PodSpec: `
    1 volumes *Volume; 20 initContainers *Container; 2 containers *Container; 3 restartPolicy s;
    4 terminationGracePeriodSeconds i; 5 activeDeadlineSeconds i; 6 dnsPolicy s; 7 nodeSelector %s;
    8 serviceAccountName s; 9 serviceAccount s; 21 automountServiceAccountToken b; 10 nodeName s;
    11 hostNetwork b; 12 hostPID b; 13 hostIPC b; 27 shareProcessNamespace b;
    15 imagePullSecrets *LocalObjectReference; 16 hostname s; 17 subdomain s; 19 schedulerName s;
    22 tolerations *Toleration; 24 priorityClassName s; 25 priority i; 29 runtimeClassName s;
    30 enableServiceLinks b; 31 preemptionPolicy s; 32 overhead %Quantity; 35 setHostnameAsFQDN b;
    37 hostUsers b; 40 resources ResourceRequirements`,
  EventSource: '1 component s; 2 host s',
  DeploymentSpec: `
    1 replicas i; 2 selector LabelSelector; 3 template PodTemplateSpec; 4 strategy DeploymentStrategy;
    5 minReadySeconds i; 6 revisionHistoryLimit i; 7 paused b; 9 progressDeadlineSeconds i`,
  StatefulSetSpec: `
    1 replicas i; 2 selector LabelSelector; 3 template PodTemplateSpec; 5 serviceName s;
    6 podManagementPolicy s; 7 updateStrategy StatefulSetUpdateStrategy; 8 revisionHistoryLimit i;
    9 minReadySeconds i`,
  DaemonSetSpec: `
    1 selector LabelSelector; 2 template PodTemplateSpec; 3 updateStrategy DaemonSetUpdateStrategy;
    4 minReadySeconds i; 6 revisionHistoryLimit i`,
  ReplicaSetSpec: '1 replicas i; 4 minReadySeconds i; 2 selector LabelSelector; 3 template PodTemplateSpec',
  JobSpec: `
    1 parallelism i; 2 completions i; 3 activeDeadlineSeconds i; 7 backoffLimit i;
    12 backoffLimitPerIndex i; 13 maxFailedIndexes i; 4 selector LabelSelector; 5 manualSelector b;
    6 template PodTemplateSpec; 8 ttlSecondsAfterFinished i; 9 completionMode s; 10 suspend b;
    14 podReplacementPolicy s; 15 managedBy s`,
  PolicyRule: '1 verbs *s; 2 apiGroups *s; 3 resources *s; 4 resourceNames *s; 5 nonResourceURLs *s',
  Subject: '1 kind s; 2 apiGroup s; 3 name s; 4 namespace s',
  RoleRef: '1 apiGroup s; 2 kind s; 3 name s',
  LeaseSpec: `
    1 holderIdentity s; 2 leaseDurationSeconds i; 3 acquireTime MicroTime; 4 renewTime MicroTime;
    5 leaseTransitions i; 6 strategy s; 7 preferredHolder s`,
  TokenRequestSpec: '1 audiences *s; 4 expirationSeconds i; 3 boundObjectRef BoundObjectReference',
  TokenReviewSpec: '1 token s; 2 audiences *s',
  SelfSubjectAccessReviewSpec: `
    1 resourceAttributes ResourceAttributes; 2 nonResourceAttributes NonResourceAttributes`,
  SelfSubjectRulesReviewSpec: '1 namespace s',
  SubjectAccessReviewSpec: `
    1 resourceAttributes ResourceAttributes; 2 nonResourceAttributes NonResourceAttributes; 3 user s;
    4 groups *s; 5 extra %ExtraValue; 6 uid s`,
  ScaleSpec: '1 replicas i',
  Preconditions: '1 uid s; 2 resourceVersion s',
  OwnerReference: '5 apiVersion s; 1 kind s; 3 name s; 4 uid s; 6 controller b; 7 blockOwnerDeletion b',
  ManagedFieldsEntry: `
    1 manager s; 2 operation s; 3 apiVersion s; 4 time Time; 6 fieldsType s; 7 fieldsV1 FieldsV1;
    8 subresource s`,
  ServicePort: '1 name s; 2 protocol s; 6 appProtocol s; 3 port i; 4 targetPort IntOrString; 5 nodePort i',
  Volume: '1 name s; 2 volumeSource VolumeSource',
  Container: `
    1 name s; 2 image s; 3 command *s; 4 args *s; 5 workingDir s; 6 ports *ContainerPort;
    19 envFrom *EnvFromSource; 7 env *EnvVar; 8 resources ResourceRequirements; 24 restartPolicy s;
    9 volumeMounts *VolumeMount; 10 livenessProbe Probe; 11 readinessProbe Probe;
    22 startupProbe Probe; 13 terminationMessagePath s; 20 terminationMessagePolicy s;
    14 imagePullPolicy s; 16 stdin b; 17 stdinOnce b; 18 tty b`,
  Toleration: '1 key s; 2 operator s; 3 value s; 4 effect s; 5 tolerationSeconds i',
  ResourceRequirements: '1 limits %Quantity; 2 requests %Quantity',
  LabelSelector: '1 matchLabels %s; 2 matchExpressions *LabelSelectorRequirement',
  PodTemplateSpec: '1 metadata ObjectMeta; 2 spec PodSpec',
  DeploymentStrategy: '1 type s; 2 rollingUpdate RollingUpdateDeployment',
  StatefulSetUpdateStrategy: '1 type s; 2 rollingUpdate RollingUpdateStatefulSetStrategy',
  DaemonSetUpdateStrategy: '1 type s; 2 rollingUpdate RollingUpdateDaemonSet',
  BoundObjectReference: '1 kind s; 2 apiVersion s; 3 name s; 4 uID s',
  ResourceAttributes: `
    1 namespace s; 2 verb s; 3 group s; 4 version s; 5 resource s; 6 subresource s; 7 name s`,
  NonResourceAttributes: '1 path s; 2 verb s',
  ExtraValue: '1 items *s',
  VolumeSource: `
    1 hostPath HostPathVolumeSource; 2 emptyDir EmptyDirVolumeSource; 6 secret SecretVolumeSource;
    19 configMap ConfigMapVolumeSource`,
  ContainerPort: '1 name s; 2 hostPort i; 3 containerPort i; 4 protocol s; 5 hostIP s',
  EnvFromSource: '1 prefix s; 2 configMapRef ConfigMapEnvSource; 3 secretRef SecretEnvSource',
  EnvVar: '1 name s; 2 value s; 3 valueFrom EnvVarSource',
  VolumeMount: `
    1 name s; 2 readOnly b; 7 recursiveReadOnly s; 3 mountPath s; 4 subPath s; 5 mountPropagation s;
    6 subPathExpr s`,
  Probe: `
    1 handler ProbeHandler; 2 initialDelaySeconds i; 3 timeoutSeconds i; 4 periodSeconds i;
    5 successThreshold i; 6 failureThreshold i; 7 terminationGracePeriodSeconds i`,
  LabelSelectorRequirement: '1 key s; 2 operator s; 3 values *s',
  RollingUpdateDeployment: '1 maxUnavailable IntOrString; 2 maxSurge IntOrString',
  RollingUpdateStatefulSetStrategy: '1 partition i; 2 maxUnavailable IntOrString',
  RollingUpdateDaemonSet: '1 maxUnavailable IntOrString; 2 maxSurge IntOrString',
  HostPathVolumeSource: '1 path s; 2 type s',
  EmptyDirVolumeSource: '1 medium s; 2 sizeLimit Quantity',
  SecretVolumeSource: '1 secretName s; 2 items *KeyToPath; 3 defaultMode i; 4 optional b',
  ConfigMapVolumeSource: `
    1 localObjectReference LocalObjectReference; 2 items *KeyToPath; 3 defaultMode i; 4 optional b`,
  ConfigMapEnvSource: '1 localObjectReference LocalObjectReference; 2 optional b',
  SecretEnvSource: '1 localObjectReference LocalObjectReference; 2 optional b',
  EnvVarSource: `
    1 fieldRef ObjectFieldSelector; 2 resourceFieldRef ResourceFieldSelector;
    3 configMapKeyRef ConfigMapKeySelector; 4 secretKeyRef SecretKeySelector`,
  ProbeHandler: `
    1 exec ExecAction; 2 httpGet HTTPGetAction; 3 tcpSocket TCPSocketAction; 4 grpc GRPCAction`,
  KeyToPath: '1 key s; 2 path s; 3 mode i',
  ObjectFieldSelector: '1 apiVersion s; 2 fieldPath s',
  ResourceFieldSelector: '1 containerName s; 2 resource s; 3 divisor Quantity',
  ConfigMapKeySelector: '1 localObjectReference LocalObjectReference; 2 key s; 3 optional b',
  SecretKeySelector: '1 localObjectReference LocalObjectReference; 2 key s; 3 optional b',
  ExecAction: '1 command *s',
  HTTPGetAction: '1 path s; 2 port IntOrString; 3 host s; 4 scheme s; 5 httpHeaders *HTTPHeader',
  TCPSocketAction: '1 port IntOrString; 2 host s',
  GRPCAction: '1 port i; 2 service s',
  HTTPHeader: '1 name s; 2 value s',
};

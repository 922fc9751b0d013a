/** Manifests: YAML and JSON to Kubernetes objects, in worker threads. */
export { faultText, type Manifest, type ManifestFile, type ReadManifests } from './manifest.ts';
export { manifestLimits } from './limits.ts';
export { readManifests } from './read-manifests.ts';
export { ManifestWorkers, type NotRead } from './manifest-workers.ts';
export { parseLosslessJson } from './lossless-json.ts';

/** Apart from the rest of the protocol, so that the worker threads that read manifests load no protobuf. */
export { withLooseFlow } from './loose-flow.ts';

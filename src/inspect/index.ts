/** What people see of the running daemon: the flight recorder, the observability endpoint, chart pictures. */
export { FlightRecorder, type RecordedTransition } from './flight-recorder.ts';
export {
  joinAddress,
  openObservability,
  type Observability,
  type ObservabilityOptions,
  type Probe,
} from './observability.ts';
export { describeStates, diagramIdOf, diagramOf, type StateDescription } from './mermaid.ts';

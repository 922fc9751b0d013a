/** What people see of the running daemon: the flight recorder, the observability endpoint, chart pictures. */
export { FlightRecorder } from './flight-recorder.ts';
export {
  joinAddress,
  openObservability,
  type Observability,
  type ObservabilityOptions,
  type Probe,
} from './observability.ts';
export { describeStates, diagramIdOf, diagramOf } from './mermaid.ts';

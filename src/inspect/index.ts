/** What people see of the running daemon: the flight recorder, the observability endpoint, chart pictures. */
export { eventFrame, EventStream } from './event-stream.ts';
export {
  answerRecording,
  Conformance,
  type ConformanceReport,
  type RecordingSource,
} from './conformance/index.ts';
export { FlightRecorder } from './flight-recorder.ts';
export { inspectLimits } from './limits.ts';
export { TransitionNames, TransitionRing } from './transition-ring.ts';
export {
  joinAddress,
  openObservability,
  type Observability,
  type ObservabilityOptions,
  type Probe,
} from './observability.ts';
export {
  activeStates,
  changeText,
  chartDrawing,
  chartGraphOf,
  chartJsonOf,
  chartSizes,
  chartSvg,
  describeStates,
  diagramIdOf,
  diagramOf,
  edgesOfView,
  eventText,
  scxmlOf,
  type Box,
  type ChartDrawing,
  type ChartGraph,
  type ChartState,
  type ChartView,
  type LabelLine,
  type LabelPart,
  type PlacedChart,
  type PlacedStart,
  type PlacedState,
  type Point,
  type StateLine,
  type ViewEdge,
  type ViewTransition,
} from './charts/index.ts';

/** Statecharts as graphs, pictures and exchange formats, from the machines themselves. */
export { chartGraphOf, type ChartGraph, type ChartState } from './chart-graph.ts';
export { chartJsonOf } from './chart-config.ts';
export { chartDrawing, type ChartDrawing } from './chart-drawing.ts';
export { scxmlOf } from './scxml.ts';
export { chartSvg } from './chart-svg.ts';
export { edgesOfView, type ChartView, type ViewEdge, type ViewTransition } from './chart-view.ts';
export {
  chartSizes,
  type Box,
  type LabelLine,
  type LabelPart,
  type PlacedChart,
  type PlacedStart,
  type PlacedState,
  type Point,
  type StateLine,
} from './placed-chart.ts';
export { activeStates, changeText, eventText } from './state-name.ts';
export { describeStates, diagramIdOf, diagramOf } from './mermaid.ts';
export { statesOf, transitionsOf } from './machine-walk.ts';

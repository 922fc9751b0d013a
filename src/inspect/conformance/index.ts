/** Recordings of transitions: written to a file, and judged by the charts. */
export { Conformance, type ConformanceReport } from './conform.ts';
export { answerRecording } from './answer-recording.ts';
export type { RecordingSource } from './recording.ts';

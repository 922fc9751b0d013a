/** What is told of a chart so that it can be walked. */

/** Payload variants by event type; a type that is named with no variants is not sent in this context. */
export type Payloads = Readonly<Record<string, readonly object[]>>;

export interface ChartModel {
  readonly input?: object;
  /** Given the context of the state the events are sent in. */
  readonly payloads?: (context: Fields) => Payloads;
  /** In place of guards that only the actor can answer. */
  readonly guards?: Readonly<Record<string, (args: { readonly context: Fields }) => boolean>>;
  /** What distinguishes two snapshots with the same state value. */
  readonly project?: (context: Fields) => unknown;
}

/** A context, seen from outside its chart. */
export type Fields = Readonly<Record<string, unknown>>;

/** The ends of a stream: those of now, or of an older one. */
export const ends = ({ stream }: Fields, verdicts: readonly string[]) =>
  verdicts.flatMap((verdict) => [
    { stream, verdict, atMs: 1_000_000, livedMs: 10 },
    { stream, verdict, atMs: 1_000_000, livedMs: 100_000 },
    { stream, verdict, atMs: 0, livedMs: 100_000 },
  ]);

/** What agents ask of their clusters in a simulated world, and who watches over it. */

/** What a request asks the cluster to do. */
export interface Work {
  readonly request: number;
  /** Before the first byte of the answer. */
  readonly thinkMs: number;
  /** From the first byte to the last. */
  readonly streamMs: number;
  readonly chunks: number;
}

/** Who watches over requests. */
export interface ClusterJudge {
  arrived(request: number, agent: number, life: number): void;
  finished(request: number, agent: number): void;
  givenUp(request: number): void;
  /** What the path of a request asks for. */
  work(request: number): Work | undefined;
}

/** `leads`: another replica has the Leases. */
export type ClusterTrouble = 'refuses' | 'fails' | 'slow' | 'throttles' | 'leads';

export const workPath = (request: number): string => `/api/v1/namespaces/work/${request}`;

/** The number of the request that a path is the work of; -1 for any other. */
export function requestOfPath(path: string): number {
  return Number(/^\/api\/v1\/namespaces\/work\/(\d+)/.exec(path)?.[1] ?? -1);
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A `Status` with the reason for its message. */
export function refusal(code: number, reason: string): Answer {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: reason };
  return { status: code, text: JSON.stringify(status) };
}

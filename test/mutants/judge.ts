/** Who is asked whether something is wrong. */
export interface Judge {
  /** Test files, by the beginning of their path. */
  readonly files: readonly string[];
  /** Only tests whose names match. */
  readonly named?: RegExp;
  /** They are tests of charts alone, and can be asked in a thread (`jury.ts`). */
  readonly quick?: boolean;
}

export const chartTests = (...files: readonly string[]): Judge => ({ files, quick: true });

export const tests = (...files: readonly string[]): Judge => ({ files });

/** Where a path is played over both carriers one will mostly do. */
export const pathsOver = (carrier: 'gRPC' | 'WebSocket'): Judge => ({
  files: ['test/model/agent.paths.test.ts'],
  named: new RegExp(`over ${carrier}`),
});
export const agentPaths = pathsOver('gRPC');
export const kasPaths: Judge = { files: ['test/model/kas.paths.test.ts'], named: /over gRPC/ };
export const reusePaths: Judge = { files: ['test/model/kas.paths.test.ts'], named: /used again/ };

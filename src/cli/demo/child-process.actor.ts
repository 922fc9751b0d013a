/** Gives `statecharts/child-process.ts` its hands: spawns, signals and watches one process. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { AnyActorLogic } from 'xstate';
import { childProcessMachine } from '../../../statecharts/index.ts';
import { guarded } from '../../supervisor/index.ts';

export interface ChildProcessDeps {
  /** Where the process's log lines go. */
  readonly output: Writable;
  readonly tell: (name: string, reason: string) => void;
}

/** The logic and the pids of what runs now, by name. */
export function createChildProcessLogic(deps: ChildProcessDeps): {
  readonly logic: AnyActorLogic;
  readonly pidOf: (name: string) => number | undefined;
} {
  const running = new Map<string, ChildProcess>();
  const logic = childProcessMachine.provide({
    actions: {
      spawn: ({ self }, { name, command, args, environment }) => {
        const child = spawn(command, args, {
          env: { ...process.env, ...environment },
          stdio: ['ignore', 'ignore', 'pipe'],
          // A Ctrl-C in the terminal reaches the supervisor alone, which then stops its processes in order.
          detached: true,
        });
        running.set(name, child);
        child.stderr.pipe(deps.output, { end: false });
        child.once('spawn', () => self.send({ type: 'process.started', pid: child.pid ?? 0 }));
        child.once('error', (error) => self.send({ type: 'process.failed', reason: error.message }));
        child.once('exit', (code, signal) => {
          if (running.get(name) === child) running.delete(name);
          self.send({ type: 'process.exited', code, signal });
        });
      },
      tell: (_, { name, reason }) => deps.tell(name, reason),
      signal: (_, { name, signal }) => void running.get(name)?.kill(signal),
    },
  });
  return { logic: guarded(logic), pidOf: (name) => running.get(name)?.pid };
}

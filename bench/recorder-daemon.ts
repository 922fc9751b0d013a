/**
 * kas or agentk as a user starts it, but its flight recorder (and dashboard) can be silenced while it runs: SIGUSR2 silences
 * what is heard and lets be heard what is silent. Two processes of one program differ by more than a recorder costs; one process
 * differs from itself by nothing else.
 * Arguments: `kas` or `agentk`, `recorder` or `all`, then the program's own.
 */
import { FlightRecorder } from '../src/inspect/index.ts';
import { Fleet } from '../src/kas/dashboard/fleet.ts';
import { RequestLog } from '../src/kas/dashboard/request-log.ts';

const [program, what] = process.argv.splice(2, 2);
let isSilent = false;
process.on('SIGUSR2', () => (isSilent = !isSilent));

silence(FlightRecorder.prototype, 'record');
if (what === 'all') {
  silence(Fleet.prototype, 'observe');
  silence(RequestLog.prototype, 'ended');
}
await import(program === 'kas' ? '../src/cli/kas.ts' : '../src/cli/agentk.ts');

/** Puts a method behind the switch. */
function silence<T extends object>(prototype: T, method: keyof T & string): void {
  const own = Object.getOwnPropertyDescriptor(prototype, method)?.value as (...args: unknown[]) => void;
  const switched = function (this: T, ...args: unknown[]): void {
    if (!isSilent) own.apply(this, args);
  };
  Object.defineProperty(prototype, method, { value: switched, configurable: true, writable: true });
}

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

const record = FlightRecorder.prototype.record;
FlightRecorder.prototype.record = function (actorId, machine, from, to, event) {
  if (!isSilent) record.call(this, actorId, machine, from, to, event);
};
if (what === 'all') {
  const observe = Fleet.prototype.observe;
  Fleet.prototype.observe = function (transition) {
    if (!isSilent) observe.call(this, transition);
  };
  const ended = RequestLog.prototype.ended;
  RequestLog.prototype.ended = function (request) {
    if (!isSilent) ended.call(this, request);
  };
}

await import(program === 'kas' ? '../src/cli/kas.ts' : '../src/cli/agentk.ts');

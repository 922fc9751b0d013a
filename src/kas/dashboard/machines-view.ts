/** Every chart of the program, for the page that lists them. */
import { describeStates } from '../../inspect/index.ts';
import { charts } from '../../../statecharts/index.ts';
import type { MachineLine } from './wire.ts';

export function machineLines(): readonly MachineLine[] {
  return charts.map(({ name, machine, hot }) => ({
    name,
    id: machine.id,
    description: (machine.root.description ?? '').replaceAll(/\s+/g, ' ').trim(),
    compiled: hot === true,
    states: describeStates(machine)
      .filter(({ path }) => path !== '')
      .map(({ path, tags }) => ({ path, tags })),
  }));
}

import type { SimulatedProcess } from '../simulated-process.ts';
import type { Invariant } from './invariant.ts';

/** What a process has armed when hardly anything happens. */
const timersMax = { agent: 9, agentOfManifests: 12, kas: 12, kasPerAgent: 4 } as const;

export const fewTimers: Invariant = {
  id: 'few-timers',
  reason:
    'A deadline that is not cancelled keeps what it knows alive until it runs out, and wakes the process for nothing.',
  settled(scene, report) {
    const judge = (process: SimulatedProcess | undefined, max: number) => {
      if (process === undefined) return;
      if (process.timers > max) report(`${process.name} has armed ${process.timers} timers`);
    };
    const { agent, agentOfManifests } = timersMax;
    const max = scene.plan.manifests === undefined ? agent : agentOfManifests;
    for (const { process } of scene.agents) judge(process, max);
    for (const { process } of scene.kas)
      judge(process, timersMax.kas + timersMax.kasPerAgent * scene.agents.length);
  },
};

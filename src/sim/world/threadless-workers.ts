/** Manifest workers of a simulated process: they read as the threads do, a moment later and on the thread of the simulation. */
import type { MakeManifestWorkers } from '../../actors/index.ts';
import { readManifests, type ManifestFile, type ReadManifests } from '../../manifests/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

const readMs = { min: 1, max: 60 } as const;

/** @param onRead told of files that were read well, right before who asked hears of it */
export function threadlessWorkers(
  process: SimulatedProcess,
  onRead: (files: readonly ManifestFile[]) => void = () => {},
): MakeManifestWorkers {
  return () => {
    let stopped = false;
    const read = async (files: readonly ManifestFile[]) => {
      const way = { there: process.ways.between(readMs.min, readMs.max), back: 0 };
      const answer = await process.ask<ReadManifests>(way, () => readManifests(files));
      if (stopped) return { kind: 'unavailable', cause: 'stopped', reason: 'stopped' } as const;
      return answer;
    };
    return {
      check: read,
      read: async (files) => {
        const answer = await read(files);
        if (answer.kind === 'ok') onRead(files);
        return answer;
      },
      stop: () => {
        stopped = true;
        return Promise.resolve();
      },
    };
  };
}

import type { Invariant } from './invariant.ts';

export const rightBytes: Invariant = {
  id: 'right-bytes',
  reason:
    'What arrives is a beginning of what was sent, and all of it where the answer says that it is complete.',
  watch: (world, fail) => {
    const seen = new Set<number>();
    const checkAnswered = (id: number) => {
      const request = world.requests[id - 1];
      if (request?.ending?.kind !== 'answered' || request.ending.httpStatus !== 200) return;
      const { downloadBytes, uploadBytes, early, agentId } = request.planned;
      if (request.download.bytes !== downloadBytes) {
        fail(`request ${id} has ${request.download.bytes} of ${downloadBytes} bytes and looks complete`);
      }
      if (request.ending.agent !== String(agentId)) fail(`request ${id} was answered by another agent`);
      const served = world.served(id).findLast(({ state }) => state === 'answered');
      if (served !== undefined && !early && served.upload.bytes !== uploadBytes) {
        fail(`request ${id} arrived with ${served.upload.bytes} of ${uploadBytes} bytes`);
      }
    };
    return {
      step: () => {
        for (const { id, download, planned, ending } of world.requests) {
          if (seen.has(id)) continue;
          if (!download.isTrue) fail(`request ${id} received bytes that were not sent to it`);
          if (download.bytes > planned.downloadBytes) fail(`request ${id} received too much`);
          if (ending === undefined) continue;
          seen.add(id);
          checkAnswered(id);
        }
        for (const { served } of world.apis) {
          for (const { id, upload, state } of served) {
            if (state === 'running' && !upload.isTrue)
              fail(`the API server received bytes request ${id} did not send`);
          }
        }
      },
    };
  },
};

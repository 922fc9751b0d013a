import type { Invariant } from './invariant.ts';

export const trueAnswers: Invariant = {
  id: 'true-answers',
  reason:
    'What a user takes for a whole answer is what the cluster said to this request, all of it and nothing else.',
  ended(world, request) {
    const { seen, planned, id } = request;
    if (seen === undefined) return;
    const lines = [...seen.text.matchAll(/agent=(\d+) request=(\d+) chunk=(\d+)/g)];
    for (const [line, agent, of] of lines) {
      if (Number(agent) !== planned.agent || Number(of) !== id) {
        return world.fail(this, `request ${id} for agent${planned.agent} was answered with ${line}`);
      }
    }
    if (seen.status !== 200 || !seen.whole) return;
    if (!request.finished)
      return world.fail(this, `request ${id} was answered before its cluster had finished`);
    if (lines.length !== planned.chunks) {
      world.fail(this, `request ${id} got ${lines.length} of ${planned.chunks} chunks as a whole answer`);
    }
  },
};

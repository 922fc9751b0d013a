/** The jury finds wrongs in charts and bugs in sources, and nothing where nothing is wrong. */
import { afterEach, expect, it } from 'vitest';
import { Jury } from './jury.ts';
import { namedBugs } from './named-bugs.ts';

const files = ['test/agentk/charts/agent-link.test.ts'];
const juries: Jury[] = [];
afterEach(async () => {
  for (const jury of juries.splice(0)) await jury.close();
});

function summoned(bug?: (typeof namedBugs)[number]): Jury {
  const jury = new Jury(bug);
  juries.push(jury);
  return jury;
}

it('finds a wrong while it is planted, and nothing before or after', async () => {
  const jury = summoned();
  const wrong = { chart: 'agent-link', id: 'running.session.connecting: no entry' };
  expect(await jury.ask({ wrong: undefined, files })).toEqual({ by: undefined });
  expect((await jury.ask({ wrong, files })).by).toMatch(/./);
  expect(await jury.ask({ wrong: undefined, files })).toEqual({ by: undefined });
});

it('finds a wrong that makes tests hang, and goes on', async () => {
  const jury = summoned();
  const wrong = {
    chart: 'agent-link',
    id: 'running.session.backingOff on after backoff → running.session.connecting: never taken',
  };
  expect((await jury.ask({ wrong, files })).by).toMatch(/./);
  expect(await jury.ask({ wrong: undefined, files })).toEqual({ by: undefined });
});

it('finds a bug in a source', async () => {
  const bug = namedBugs.find(({ id }) => id === 'backoff does not grow');
  expect((await summoned(bug).ask({ wrong: undefined, files })).by).toMatch(/back off/);
});

/** Plans that once broke something, as small as they could be made: they must hold for ever. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readStory, simulate, storyOf } from '../../../src/sim/world/index.ts';

const folder = new URL('../plans/', import.meta.url);

describe('plans that once failed', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('%s holds', async (name) => {
    const { plan } = readStory(readFileSync(new URL(name, folder), 'utf8'));
    const { failure } = await simulate(plan);
    expect(failure).toBeUndefined();
  });
});

describe('the story of a run', () => {
  it('runs again to the same trace', async () => {
    const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.json'));
    const { plan } = readStory(readFileSync(new URL(name, folder), 'utf8'));
    const outcome = await simulate(plan, { keepTrace: true });
    const story = readStory(JSON.stringify(storyOf('a test', plan, outcome)));
    expect(story.hash).toBe((await simulate(story.plan)).hash);
  });

  it.each(['[]', '{"plan":{}}', '{"plan":{"seed":1}}', 'null'])('is refused when it is %s', (text) => {
    expect(() => readStory(text)).toThrow(/not/);
  });
});

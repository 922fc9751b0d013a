/** What every bus of push events must do. */
import { expect, it } from 'vitest';
import type { PushEvents } from '../../src/ports/index.ts';

const push = { projectId: 2n ** 60n, projectPath: 'group/project' };

/** Declares the tests; `arrived` resolves when the condition holds. */
export function itTellsPushes(
  open: () => Promise<PushEvents>,
  arrived: (holds: () => boolean) => Promise<void>,
): void {
  it('tells every listener, in this process too, until it stops', async () => {
    const events = await open();
    const heard: string[] = [];
    const stop = events.subscribe(({ projectPath }) => heard.push(`first ${projectPath}`));
    events.subscribe(({ projectPath }) => heard.push(`second ${projectPath}`));
    await events.publish(push);
    await arrived(() => heard.length === 2);
    stop();
    stop();
    await events.publish({ ...push, projectPath: 'other' });
    await arrived(() => heard.length === 3);
    expect(heard).toEqual(['first group/project', 'second group/project', 'second other']);
  });

  it('tells a listener that came twice twice, and stops each by itself', async () => {
    const events = await open();
    let heard = 0;
    const listener = () => void heard++;
    const stop = events.subscribe(listener);
    events.subscribe(listener);
    await events.publish(push);
    await arrived(() => heard === 2);
    stop();
    await events.publish(push);
    await arrived(() => heard === 3);
  });
}

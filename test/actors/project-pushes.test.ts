import { describe, expect, it } from 'vitest';
import { ProjectPushes } from '../../src/actors/index.ts';
import { memoryPushEvents } from '../../src/store/memory/index.ts';
import { RecordingLog } from '../gitlab/recording-log.ts';

function fresh() {
  const log = new RecordingLog();
  const pushEvents = memoryPushEvents();
  return { log, pushEvents, pushes: new ProjectPushes({ pushEvents, log }) };
}
const pushed = { projectId: 1n, projectPath: 'group/project' };

describe('news of a push', () => {
  it('reaches everybody who listens to that very path, and nobody else', async () => {
    const { pushes, pushEvents } = fresh();
    const heard: string[] = [];
    pushes.listen('group/project', ({ projectId }) => heard.push(`one ${projectId}`));
    pushes.listen('group/project', () => heard.push('two'));
    pushes.listen('Group/Project', () => heard.push('other case'));
    await pushEvents.publish(pushed);
    expect(heard).toEqual(['one 1', 'two']);
  });

  it('does not reach those who stopped listening, and stopping twice takes nothing from others', async () => {
    const { pushes, pushEvents } = fresh();
    const heard: number[] = [];
    const listener = () => heard.push(1);
    const stop = pushes.listen('group/project', listener);
    pushes.listen('group/project', listener);
    stop();
    stop();
    await pushEvents.publish(pushed);
    expect([heard, pushes.count]).toEqual([[1], 1]);
  });

  it('survives a listener that throws, and one that stops listening while it is told', async () => {
    const { pushes, pushEvents, log } = fresh();
    const heard: string[] = [];
    pushes.listen('group/project', () => {
      throw new Error('bug');
    });
    const stop = pushes.listen('group/project', () => stop());
    pushes.listen('group/project', () => heard.push('last'));
    await pushEvents.publish(pushed);
    await pushEvents.publish(pushed);
    expect(heard).toEqual(['last', 'last']);
    expect(log.text).toContain('A listener for pushes failed');
  });

  it('stops at the port when its listener stops', async () => {
    const pushEvents = memoryPushEvents();
    const heard: bigint[] = [];
    const stop = pushEvents.subscribe(({ projectId }) => heard.push(projectId));
    await pushEvents.publish(pushed);
    stop();
    await pushEvents.publish(pushed);
    expect(heard).toEqual([1n]);
  });
});

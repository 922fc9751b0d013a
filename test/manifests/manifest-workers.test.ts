import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/host/index.ts';
import { ManifestWorkers, manifestLimits } from '../../src/manifests/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const running: ManifestWorkers[] = [];

const clock = new VirtualClock();

function workers(): ManifestWorkers {
  const { metrics } = createMetrics({ processMetrics: false });
  const made = new ManifestWorkers({ clock, metrics, threads: 2 });
  running.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

const never = new AbortController().signal;
const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });
const many = (count: number, bytes = 200) =>
  Array.from({ length: count }, (_, n) =>
    file(
      `f${n}.yaml`,
      `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c${n}\ndata:\n  k: ${'x'.repeat(bytes)}\n`,
    ),
  );
/** Long work for the parser: a thousand lines too far left, each of which makes it begin again. */
const endless = () => file('slow.yaml', `kind: A\na: [${'x,'.repeat(400_000)}\n${'x,\n'.repeat(990)}]\n`);

describe('manifest workers', () => {
  it('give the objects of many files in their order', async () => {
    const read = await workers().read(many(3_000), never);
    if (read.kind !== 'ok') throw new Error(JSON.stringify(read));
    expect(read.manifests.map(({ name }) => name)).toEqual(many(3_000).map((_, n) => `c${n}`));
    expect(JSON.parse(Buffer.from(read.manifests[2_999]?.json ?? []).toString())).toMatchObject({
      metadata: { name: 'c2999' },
    });
  });

  it('leave the caller its bytes', async () => {
    const [one] = many(1);
    await workers().read([one ?? file('', '')], never);
    expect(one?.bytes.length).toBeGreaterThan(200);
  });

  it('check without giving objects', async () => {
    const pool = workers();
    expect(await pool.check(many(10), never)).toEqual({ kind: 'ok', manifests: [], warnings: [] });
    expect(await pool.check([file('x', 'a: [')], never)).toMatchObject({
      kind: 'invalid',
      faults: [{ file: 'x' }],
    });
  });

  it('collect the faults of all tasks', async () => {
    const set = many(2_000).map((each, n) => (n % 1_000 === 999 ? file(each.name, 'kind: [') : each));
    const read = await workers().read(set, never);
    expect(read).toMatchObject({ kind: 'invalid', faults: [{ file: 'f999.yaml' }, { file: 'f1999.yaml' }] });
  });

  it('kill a task that takes too long, and only that', async () => {
    const pool = workers();
    const poisoned = pool.read([endless()], never);
    const other = await pool.read(many(5), never);
    expect(other.kind).toBe('ok');
    clock.advance(manifestLimits.taskMsMax);
    expect(await poisoned).toMatchObject({ kind: 'unavailable', cause: 'tooSlow' });
    expect(await pool.read(many(5), never)).toMatchObject({ kind: 'ok' });
    expect(clock.pending).toBe(0);
  });

  it('stop reading when nobody wants the answer any more', async () => {
    const pool = workers();
    const gone = new AbortController();
    const reading = pool.read([...many(2_000), endless()], gone.signal);
    gone.abort(new Error('no longer wanted'));
    await expect(reading).rejects.toThrow('no longer wanted');
    expect(pool.waiting).toBe(0);
  });

  it('answer what is being read as stopped when they stop', async () => {
    const pool = workers();
    const reading = pool.read([endless()], never);
    await pool.stop();
    expect(await reading).toMatchObject({ kind: 'unavailable', cause: 'stopped' });
  });
});

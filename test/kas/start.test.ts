/** Starts that cannot be, and what they leave. */
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/host/index.ts';
import { runKas } from '../../src/kas/index.ts';
import type { Clock, TimerHandle } from '../../src/ports/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { KasUnderTest } from './kas-under-test.ts';

const started = (folder: string, clock: Clock = new VirtualClock()) =>
  runKas({ configurationFile: join(folder, 'other.yaml'), clock, logLevel: 'error' });

it('a configuration that cannot be read or understood is refused before anything listens', async () => {
  await using kas = await KasUnderTest.start();
  await expect(started(kas.folder)).rejects.toThrow(/^configuration file: ENOENT/);
  await writeFile(join(kas.folder, 'other.yaml'), 'standalone: { file: none.yaml }');
  await expect(started(kas.folder)).rejects.toThrow(/none\.yaml/);
  await writeFile(
    join(kas.folder, 'other.yaml'),
    'standalone: { file: gitlab.yaml }\nagent: { listen: { certificate_file: no.pem, key_file: no.key } }',
  );
  await expect(started(kas.folder)).rejects.toThrow(/no\.pem/);
  await writeFile(
    join(kas.folder, 'other.yaml'),
    'standalone: { file: gitlab.yaml }\nagent: { listen: { address: nowhere } }',
  );
  await expect(started(kas.folder)).rejects.toThrow(
    'agent.listen.address: expected host:port, [ipv6]:port or :port',
  );
});

it('a port that is taken is named, and what was started before it is stopped', async () => {
  await using kas = await KasUnderTest.start();
  const occupied = createServer();
  await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve));
  const { port } = occupied.address() as AddressInfo;
  await writeFile(
    join(kas.folder, 'other.yaml'),
    `standalone: { file: gitlab.yaml }
agent: { listen: { address: "127.0.0.1:${port}", listen_grace_period: "0.1s" } }
observability: { listen: { address: "127.0.0.1:0" } }`,
  );
  // In real time: what starts before the agent listener takes some.
  const clock = new CountingClock();
  await expect(started(kas.folder, clock)).rejects.toThrow(/agent-api.*EADDRINUSE/);
  expect(clock.pending.size).toBe(0);
  occupied.close();
});

it('after an orderly stop no timer is left', async () => {
  const kas = await KasUnderTest.start();
  kas.requestStop();
  expect(await kas.end()).toEqual({ kind: 'stopped' });
  expect(kas.clock.pending).toBe(0);
  await kas[Symbol.asyncDispose]();
});

/** The real clock, with its timers counted. */
class CountingClock implements Clock {
  readonly pending = new Set<TimerHandle>();
  readonly now = () => systemClock.now();
  readonly monotonic = () => systemClock.monotonic();

  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    const handle = systemClock.setTimeout(() => {
      this.pending.delete(handle);
      fn();
    }, delayMs);
    this.pending.add(handle);
    return handle;
  }

  clearTimeout(handle: TimerHandle): void {
    this.pending.delete(handle);
    systemClock.clearTimeout(handle);
  }
}

import { describe, expect, it } from 'vitest';
import { TunnelDirectory, type OfferedTunnel, type Waiter } from '../../src/actors/tunnel-directory.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

interface Lent extends OfferedTunnel {
  readonly methods: readonly string[];
}

function tunnel(tunnelId: string, agentId = 1n, methods: readonly string[] = ['/a/B']): Lent {
  return { tunnelId, agentId, methods, supports: (method) => methods.includes(method) };
}

class Waiting implements Waiter<Lent> {
  readonly agentId: bigint;
  readonly method: string;
  given: string | undefined;
  constructor(agentId = 1n, method = '/a/B') {
    this.agentId = agentId;
    this.method = method;
  }
  give({ tunnelId }: Lent): void {
    if (this.given !== undefined) throw new Error('given twice');
    this.given = tunnelId;
  }
}

const directory = (waitersPerAgentMax = 10) => new TunnelDirectory<Lent>({ waitersPerAgentMax });

describe('the tunnel directory', () => {
  it('lends the newest idle tunnel of the agent first, each once', () => {
    const tunnels = directory();
    for (const id of ['old', 'new']) expect(tunnels.offer(tunnel(id))).toBe('kept');
    tunnels.offer(tunnel('foreign', 2n));
    expect(tunnels.idleOf(1n)).toBe(2);
    expect(tunnels.claim(1n, '/a/B')?.tunnelId).toBe('new');
    expect(tunnels.claim(1n, '/a/B')?.tunnelId).toBe('old');
    expect(tunnels.claim(1n, '/a/B')).toBeUndefined();
    expect(tunnels.idleTunnels).toBe(1);
  });

  it('lends only what supports the method', () => {
    const tunnels = directory();
    tunnels.offer(tunnel('right'));
    tunnels.offer(tunnel('wrong', 1n, ['/a/C']));
    expect(tunnels.claim(1n, '/a/B')?.tunnelId).toBe('right');
    expect(tunnels.claim(1n, '/a/B')).toBeUndefined();
    expect(tunnels.idleTunnels).toBe(1);
  });

  it('serves who waits first come, first served, past those it cannot serve', () => {
    const tunnels = directory();
    const [other, first, second] = [new Waiting(1n, '/a/C'), new Waiting(), new Waiting()];
    for (const waiter of [other, first, second]) expect(tunnels.wait(waiter)).toBe(true);
    expect(tunnels.offer(tunnel('one'))).toBe('given');
    expect([other.given, first.given, second.given]).toEqual([undefined, 'one', undefined]);
    tunnels.offer(tunnel('two'));
    expect(second.given).toBe('two');
    expect(tunnels.offer(tunnel('three'))).toBe('kept');
    expect([tunnels.waiting, tunnels.idleTunnels]).toEqual([1, 1]);
  });

  it('bounds those who wait for one agent, not for others', () => {
    const tunnels = directory(2);
    expect([1, 2, 3].map(() => tunnels.wait(new Waiting()))).toEqual([true, true, false]);
    expect(tunnels.wait(new Waiting(2n))).toBe(true);
    expect(tunnels.waiting).toBe(3);
  });

  it('forgets who left and what was withdrawn, also twice', () => {
    const tunnels = directory();
    const waiter = new Waiting();
    tunnels.wait(waiter);
    tunnels.leave(waiter);
    tunnels.leave(waiter);
    const kept = tunnel('one');
    expect(tunnels.offer(kept)).toBe('kept');
    tunnels.withdraw(kept);
    tunnels.withdraw(kept);
    tunnels.leave(new Waiting(9n));
    expect([tunnels.waiting, tunnels.idleTunnels, waiter.given]).toEqual([0, 0, undefined]);
    expect(tunnels.claim(1n, '/a/B')).toBeUndefined();
  });

  it('may be asked again by the one it just served', () => {
    const tunnels = directory();
    const next = new Waiting();
    const waiter = new Waiting();
    waiter.give = (given: Lent) => {
      waiter.given = given.tunnelId;
      tunnels.wait(next);
    };
    tunnels.wait(waiter);
    tunnels.offer(tunnel('one'));
    tunnels.offer(tunnel('two'));
    expect([waiter.given, next.given]).toEqual(['one', 'two']);
    expect([tunnels.waiting, tunnels.idleTunnels]).toEqual([0, 0]);
  });

  it('counts what it holds through any history, and never lends a tunnel twice', () => {
    const random = new SeededRandom(7);
    const tunnels = directory(5);
    const idle = new Set<Lent>();
    const waiting = new Set<Waiting>();
    for (let step = 0; step < 5_000; step++) {
      const agentId = BigInt(random.below(3));
      const method = random.pick(['/a/B', '/a/C']);
      switch (random.below(5)) {
        case 0: {
          const waiter = new Waiting(agentId, method);
          if (tunnels.wait(waiter)) waiting.add(waiter);
          break;
        }
        case 1: {
          const offered = tunnel(`t${step}`, agentId, random.pick([['/a/B'], ['/a/C'], ['/a/B', '/a/C']]));
          if (tunnels.offer(offered) === 'kept') idle.add(offered);
          break;
        }
        case 2: {
          const claimed = tunnels.claim(agentId, method);
          if (claimed !== undefined) expect(idle.delete(claimed)).toBe(true);
          break;
        }
        case 3: {
          const [one] = idle;
          if (one !== undefined) tunnels.withdraw(one);
          if (one !== undefined) idle.delete(one);
          break;
        }
        default: {
          const [one] = waiting;
          if (one !== undefined) tunnels.leave(one);
          if (one !== undefined) waiting.delete(one);
        }
      }
      for (const waiter of waiting) if (waiter.given !== undefined) waiting.delete(waiter);
      expect([tunnels.idleTunnels, tunnels.waiting]).toEqual([idle.size, waiting.size]);
    }
  });
});

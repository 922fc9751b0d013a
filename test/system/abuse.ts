/**
 * What a hostile network does to a kas in a process of its own, measured from outside: how long requests through a good
 * agent take before and during an attack, and what memory kas has before and after it. The abuse test asserts with it,
 * `bench/abuse.ts` prints it.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { request } from 'undici';
import { GoAgent } from '../contract/go-agent.ts';
import { Peer } from '../contract/peer.ts';
import { TestProcess, until, World } from './world.ts';

export interface Latency {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Attack {
  readonly connections: number;
  /** Of these, held by kas to the end. */
  readonly open: number;
  readonly resets: number;
  /** Connections the resets took. */
  readonly resetters: number;
}

export interface AbuseResult {
  readonly idle: Latency;
  /** While connections are opened and streams are reset. */
  readonly attacked: Latency;
  /** While a thousand hostile connections are held. */
  readonly besieged: Latency;
  readonly attack: Attack;
  /** Bytes of the heap in use after a collection. */
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly residentBefore: number;
  /** After each storm; pages the allocator keeps are counted. */
  readonly residentAfterEach: readonly number[];
  /** Requests that were not answered with 200. */
  readonly failed: number;
}

/** Collects garbage when asked by a signal, so that memory can be compared. */
const collector =
  `import{setFlagsFromString}from'node:v8';import{runInNewContext}from'node:vm';setFlagsFromString('--expose-gc');` +
  `const gc=runInNewContext('gc');process.on('SIGUSR2',()=>gc());`;
const nodeOptions = `--import=data:text/javascript,${encodeURIComponent(collector)}`;

/** @param storms how often the attack is made; only the first one's requests are measured. */
export async function sufferAbuse(idleRequests: number, storms = 1): Promise<AbuseResult> {
  const world = await World.prepare({ kubeconfig: '' });
  const processes: TestProcess[] = [];
  try {
    const file = world.data.kasConfiguration;
    const text = await readFile(file, 'utf8');
    const secure = 'listen:\n    certificate_file: kas-certificate.pem\n    key_file: kas-key.pem';
    await writeFile(file, text.replace('listen:', secure));
    const kas = new TestProcess('kas', ['--configuration-file', file], { NODE_OPTIONS: nodeOptions });
    processes.push(kas);
    await kas.said(/Kubernetes API endpoint is up/);
    const agent = await goodAgent(world);
    await world.serving();
    const result = await attack(world, kas, idleRequests, storms);
    agent.close();
    return result;
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
    await world.close();
  }
}

/** Keeps twenty tunnels and answers whatever comes through them. */
async function goodAgent(world: World): Promise<GoAgent> {
  const socket = connectTls({
    port: world.ports.agents,
    host: '127.0.0.1',
    ca: world.data.certificate,
    ALPNProtocols: ['h2'],
  });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true); // as Go's connections are
  const peer = new Peer(socket, true);
  peer.greet();
  const agent = new GoAgent(peer, await world.agentToken());
  const serve = async () => {
    while (!peer.isClosed) {
      const tunnel = agent.connect();
      await tunnel.request();
      tunnel.respond('fine');
      await tunnel.stream.trailers();
    }
  };
  for (let tunnels = 0; tunnels < 20; tunnels++) serve().catch(() => {}); // the connection is gone
  return agent;
}

async function attack(
  world: World,
  kas: TestProcess,
  idleRequests: number,
  storms: number,
): Promise<AbuseResult> {
  const measure = new Measure(world);
  await measure.take(() => measure.size >= 2 * idleRequests); // warm
  const before = await memory(world, kas, () => true);
  const idle = await measure.take(() => measure.size >= idleRequests);

  const bound = before.heap * 1.25 + 16 * 1024 * 1024;
  const calm = () => memory(world, kas, ({ heap, strangers }) => strangers === 0 && heap < bound);
  const attacker = new Attacker(world.ports.agents);
  try {
    const attacked = await measure.take(() => attacker.isReady);
    const done = await attacker.ready;
    const besieged = await measure.take(() => measure.size >= idleRequests);
    await attacker.leave();
    const afterEach = [await calm()];
    for (let storm = 2; storm <= storms; storm++) {
      const another = new Attacker(world.ports.agents);
      await another.ready;
      await another.leave();
      afterEach.push(await calm());
    }
    const after = afterEach.at(-1) ?? before;
    return {
      idle,
      attacked,
      besieged,
      attack: done,
      heapBefore: before.heap,
      heapAfter: after.heap,
      residentBefore: before.resident,
      residentAfterEach: afterEach.map(({ resident }) => resident),
      failed: measure.failed,
    };
  } finally {
    attacker.kill();
  }
}

/** `attacker.ts` in a process of its own. */
class Attacker {
  /** Everything is open and done; what it says of it. */
  readonly ready: Promise<Attack>;
  isReady = false;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #gone: Promise<unknown>;

  constructor(port: number) {
    const script = new URL('attacker.ts', import.meta.url).pathname;
    this.#process = spawn(process.execPath, [script, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    // It has no machine of its own here, so it gives way to those it attacks.
    if (this.#process.pid !== undefined) setPriority(this.#process.pid, constants.priority.PRIORITY_LOW);
    this.#gone = once(this.#process, 'exit');
    this.ready = this.#said().finally(() => {
      this.isReady = true;
    });
  }

  async #said(): Promise<Attack> {
    for await (const line of createInterface({ input: this.#process.stdout }))
      return JSON.parse(line) as Attack;
    throw new Error('the attacker ended early');
  }

  async leave(): Promise<void> {
    this.#process.stdin.end();
    await this.#gone;
  }

  kill(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
  }
}

/** Requests through the good agent, one after the other. */
class Measure {
  failed = 0;
  #times: number[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get size(): number {
    return this.#times.length;
  }

  async take(enough: () => boolean): Promise<Latency> {
    this.#times = [];
    while (!enough()) {
      const { status, ms } = await this.#world.get('/api');
      if (status !== 200) this.failed += 1;
      this.#times.push(ms);
    }
    const sorted = this.#times.sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { requests: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }
}

interface Memory {
  readonly heap: number;
  readonly resident: number;
  readonly strangers: number;
}

/** Collections before memory is believed: what waits for a finaliser needs more than one. */
const collections = 5;

/** What the process says of its memory after collections; asks until it is as it should be, or for half a minute. */
async function memory(world: World, kas: TestProcess, settled: (memory: Memory) => boolean): Promise<Memory> {
  let last: Memory = { heap: 0, resident: 0, strangers: 0 };
  let times = 0;
  await until('memory to come back', 30_000, async () => {
    kas.kill('SIGUSR2');
    await sleep(200);
    const { body } = await request(`http://127.0.0.1:${world.ports.observability}/metrics`);
    const text = await body.text();
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    last = {
      heap: read('nodejs_heap_size_used_bytes'),
      resident: read('process_resident_memory_bytes'),
      strangers: read('kas_agent_connections_strangers'),
    };
    return settled(last) && ++times >= collections ? last : undefined;
  }).catch(() => {});
  return last;
}

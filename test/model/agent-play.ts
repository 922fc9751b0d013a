/**
 * The model of agentk's world, played: each event is done by the scripted kas or the API server, and what agentk makes of
 * it is looked for in what it did since (`spec/wire.md §4`, `§5`, `§6`, `§11.4`).
 *
 * P1. One connection that takes new calls, never two.
 * P2. Whatever ended a connection, the next one is served whole: registered, watched, two tunnels at least.
 * P3. A kas that does not want is not hammered; one that does not answer is given up within its deadline.
 * P4. A request is answered on the connection it came on, or its exchange with the API server is ended.
 * P5. A stop finishes what runs, takes nothing new and leaves nothing open.
 */
import type { Play } from '../../src/testing/index.ts';
import type { FakeApiServer } from '../agentk/agent-under-test.ts';
import { bytes, int, message } from '../contract/protobuf.ts';
import type { Pace } from './pace.ts';
import type { Answer, KasConnection, ScriptedKas } from './scripted-kas.ts';

const second = 1_000;
/** `spec/wire.md §4.4` and `§12`, with the jitter of both and some room. */
const within = {
  again: 3 * second,
  /** After one failure. */
  redial: 10 * second,
  /** After any number of failures. */
  backoff: 150 * second,
  handshake: 25 * second,
  /** A ping after 55 s, and 20 s for its answer. */
  silence: 90 * second,
  refusal: 400 * second,
  retry: 45 * second,
  stop: 30 * second,
} as const;

/** The agent a play is about. */
export interface AgentSubject {
  readonly pace: Pace;
  stop(): void;
  /** How it ended, when it has. */
  readonly end: { readonly ok: boolean } | undefined;
  /** Ends it whatever it does. */
  dispose(): Promise<void>;
}

export interface AgentScene {
  readonly kas: ScriptedKas;
  readonly api: FakeApiServer;
  readonly subject: AgentSubject;
}

class Playing {
  readonly #scene: AgentScene;
  /** Connections there were when the world last changed. */
  #before = 0;
  #callsBefore = 0;
  #held: Answer | undefined;
  #released = 0;
  #commits = 0;

  constructor(scene: AgentScene) {
    this.#scene = scene;
  }

  get kas(): ScriptedKas {
    return this.#scene.kas;
  }
  get pace(): Pace {
    return this.#scene.subject.pace;
  }
  /** Connections since the world last changed. */
  get since(): readonly KasConnection[] {
    return this.kas.connections.slice(this.#before);
  }
  get callsSince(): number {
    return this.kas.calls.length - this.#callsBefore;
  }
  mark(): void {
    this.#before = this.kas.connections.length;
    this.#callsBefore = this.kas.calls.length;
  }

  /** P1, P2. */
  async served(withinMs: number): Promise<void> {
    await this.pace.until('connection that is served whole', () => this.#isServed(), withinMs);
    this.onlyOne();
  }

  /** Again, on a connection of its own, after at most so many dials. */
  async servedAnew(withinMs: number, dialsMax = 2): Promise<void> {
    await this.pace.until('new connection', () => this.since.length > 0, withinMs);
    await this.served(withinMs);
    if (this.since.length > dialsMax) throw new Error(`${this.since.length} dials instead of one`);
  }

  onlyOne(): void {
    const live = this.kas.connections.filter(({ peer, wentAway }) => !peer.isClosed && !wentAway);
    if (live.length > 1) throw new Error(`${live.length} connections at once`);
    const foreign = this.kas.calls.find(
      ({ headers }) => headers.get('authorization') !== 'Bearer agent-token',
    );
    if (foreign !== undefined) throw new Error(`a call of ${foreign.rpc} without the token`);
  }

  #isServed(): boolean {
    const calls = this.kas.current?.calls ?? [];
    const of = (rpc: string) => calls.filter((call) => call.rpc === rpc);
    return (
      of('register').some(({ ended, gone }) => ended || gone) &&
      this.kas.registrationsToFail === 0 &&
      calls.filter(({ idle }) => idle).length >= 2 &&
      of('configuration').filter(({ open }) => open).length === 1
    );
  }

  idle() {
    const tunnel = this.kas.current?.calls.find(({ idle }) => idle);
    if (tunnel === undefined) throw new Error('there is no idle tunnel');
    return tunnel;
  }

  async ask(): Promise<void> {
    const answer = this.idle().ask('/hello');
    await this.pace.until('answer', () => answer.ended, 5 * second);
    if (answer.status !== 200 || answer.body !== 'hello from /hello')
      throw new Error(`answered ${answer.status} ${answer.body}`);
  }

  async hold(): Promise<void> {
    const { api } = this.#scene;
    const { length } = api.held;
    this.#held = this.idle().ask('/held');
    await this.pace.until('request at the API server', () => api.held.length > length, 5 * second);
    this.#released = length;
  }

  /** P4: what is held must still be under way. */
  stillHeld(): void {
    if (this.#held?.ended !== false || this.#exchange.destroyed) throw new Error('the request was dropped');
  }

  async release(): Promise<void> {
    this.stillHeld();
    this.#exchange.end('late');
    await this.pace.until('answer', () => this.#held?.ended === true, 5 * second);
    if (this.#held?.status !== 200 || this.#held.body !== 'late') throw new Error('answered wrongly');
  }

  /** P4: the API server must be told that nobody waits any more. */
  async dropped(): Promise<void> {
    await this.pace.until(
      'end of the exchange with the API server',
      () => this.#exchange.destroyed,
      5 * second,
    );
  }

  get #exchange() {
    const response = this.#scene.api.held[this.#released];
    if (response === undefined) throw new Error('nothing is held');
    return response;
  }

  cancel(): void {
    const call = this.kas.calls.find(({ answer }) => answer === this.#held);
    call?.cancel();
  }

  async stopped(): Promise<void> {
    const { subject } = this.#scene;
    await this.pace.until('end of the agent', () => subject.end !== undefined, within.stop);
    if (subject.end?.ok !== true) throw new Error('it ended as a failure');
    await this.pace.until(
      'end of its connections',
      () => this.kas.connections.every(({ peer }) => peer.isClosed),
      within.again,
    );
    this.mark();
    await this.pace.pass(3 * second);
    if (this.since.length > 0) throw new Error('it dialled after its end');
  }

  async moveConfiguration(): Promise<void> {
    const call = this.kas.current?.calls.find(({ rpc, open }) => rpc === 'configuration' && open);
    const commit = `commit-${++this.#commits}`;
    const configuration = message(int(4, 42), bytes(11, 'https://gitlab.example.com'));
    call?.send(message(bytes(1, configuration), bytes(2, commit)));
    await this.pace.pass(3 * second);
    const { length } = this.kas.calls;
    call?.end(0);
    const next = () => this.kas.calls.slice(length).find(({ rpc }) => rpc === 'configuration');
    await this.pace.until('next GetConfiguration', () => (next()?.messages.length ?? 0) > 0, within.retry);
    // ConfigurationRequest: {1 commit_id}.
    if (
      next()
        ?.messages[0]?.subarray(2, 2 + commit.length)
        .toString() !== commit
    )
      throw new Error('it does not know the commit it was given');
  }
}

export function playAgent(scene: AgentScene): Play {
  const { kas, subject } = scene;
  const { pace } = subject;
  const playing = new Playing(scene);
  /** The world changes now. */
  const change = (deed: () => void | Promise<void>) => async () => {
    playing.mark();
    await deed();
  };
  const hangUp = () => kas.hangUp();
  return {
    events: {
      'kas.hangsUp': async () => {
        playing.mark();
        const wasHeld = scene.api.held.some(({ destroyed, writableEnded }) => !destroyed && !writableEnded);
        hangUp();
        if (wasHeld) await playing.dropped();
        if (kas.refusal === undefined && subject.end === undefined && !stopping.has(subject))
          await playing.servedAnew(within.backoff);
      },
      'kas.goesAway': change(async () => {
        const old = kas.current;
        kas.goAway();
        const registered = () => kas.current?.calls.some(({ rpc }) => rpc === 'register') === true;
        await pace.until('registration on a new connection', registered, within.redial);
        kas.expire();
        await playing.servedAnew(within.redial);
        const busy = old?.calls.some(({ answer, open }) => answer !== undefined && open) === true;
        if (!busy)
          await pace.until('end of the old connection', () => old?.peer.isClosed === true, within.again);
      }),
      'kas.goesSilent': change(async () => {
        const old = kas.current?.peer;
        if (old !== undefined) old.answersPings = false;
        await pace.until('end of the silent connection', () => old?.isClosed === true, within.silence);
        await playing.servedAnew(within.redial);
      }),
      'kas.restarts': change(async () => {
        await kas.leave();
        await kas.listen();
        await playing.servedAnew(within.backoff, 3);
      }),
      'kas.leaves': change(() => kas.leave()),
      'kas.mutes': change(() => {
        kas.mood = 'mute';
        hangUp();
      }),
      'kas.slams': change(() => {
        kas.mood = 'slamming';
        hangUp();
      }),
      'kas.returns': change(async () => {
        if (kas.mood === 'good') await kas.listen();
        kas.mood = 'good';
        await playing.served(within.backoff);
      }),
      'token.revoked': change(() => kas.refuse(16, 'unauthenticated')),
      'token.granted': change(async () => {
        kas.refusal = undefined;
        await playing.served(within.refusal);
      }),
      'tunnels.end': change(async () => {
        for (const tunnel of kas.idle) tunnel.end(0);
        await playing.served(within.again);
      }),
      'tunnel.fails': change(async () => {
        playing.idle().end(14, 'unavailable');
        await playing.served(within.again);
      }),
      'registration.fails': change(async () => {
        kas.registrationsToFail = 1;
        hangUp();
        await playing.servedAnew(within.backoff);
      }),
      'configuration.moves': change(() => playing.moveConfiguration()),
      'request.comes': change(() => playing.ask()),
      'request.comesHeld': change(() => playing.hold()),
      'request.isAnswered': change(() => playing.release()),
      'request.isCancelled': change(async () => {
        playing.cancel();
        await playing.dropped();
      }),
      'agent.stops': change(() => {
        stopping.add(subject);
        subject.stop();
      }),
    },
    states: {
      served: () => playing.served(within.redial),
      // P3.
      slamming: async () => {
        await pace.pass(60 * second);
        if (playing.since.length < 3 || playing.since.length > 14)
          throw new Error(`${playing.since.length} dials in a minute`);
      },
      mute: async () => {
        await pace.until('dial', () => playing.since.length > 0, within.redial);
        const [first] = playing.since;
        await pace.until('end of a mute connection', () => first?.peer.isClosed === true, within.handshake);
        playing.onlyOne();
      },
      revoked: async () => {
        await pace.pass(60 * second);
        if (playing.since.length > 3 || playing.callsSince > 12)
          throw new Error(`${playing.since.length} dials and ${playing.callsSince} calls in a minute`);
      },
      serving: async () => {
        playing.stillHeld();
        await playing.served(within.again);
      },
      parted: async () => playing.stillHeld(),
      // P5.
      finishing: async () => {
        playing.stillHeld();
        await pace.until('end of idle tunnels', () => kas.idle.length === 0, within.again);
        await pace.pass(second);
        playing.stillHeld();
      },
      stopped: () => playing.stopped(),
    },
  };
}

/** Agents that were asked to stop. */
const stopping = new WeakSet<AgentSubject>();

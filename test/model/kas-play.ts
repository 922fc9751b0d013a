/**
 * The model of kas's world, played: each event is done by an agent made of frames, a user, GitLab or an operator, and what
 * kas makes of it is looked for in what they heard since (`spec/wire.md §4`, `§6`, `§10`, `§11`).
 *
 * P1. A request is handed to a tunnel of its agent, once, and answered with what came back, or with an error.
 * P2. Whoever leaves is noticed: a user's request is cancelled at the agent, an agent's at the user.
 * P3. A silent or hostile connection is cut within its deadline.
 * P4. A stop sends agents away with OK, finishes what runs, and ends.
 * P5. An agent hears of a new configuration, and never of one it has.
 * P6. A token GitLab does not know is refused, and what it had is ended with the refusal.
 */
import { createHash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { Play } from '../../src/testing/index.ts';
import { errorCode, frameType, writeFrame } from '../contract/frames.ts';
import type { GoAgent } from '../contract/go-agent.ts';
import { Fields } from '../contract/protobuf.ts';
import type { Pace } from './pace.ts';
import { endOf, messagesOn, PlayedAgent, PlayedRequest, type PlayedTunnel } from './played-agent.ts';

const second = 1_000;
/** `spec/wire.md §4.4`, `§6.4`, `§7.1`. */
const within = {
  now: 10 * second,
  /** A ping after 50 s, and 20 s for its answer. */
  silence: 80 * second,
  search: 40 * second,
  stop: 90 * second,
} as const;

/** The kas a play is about, with what stands around it. */
export interface KasSubject {
  readonly pace: Pace;
  /** Where the proxy of the Kubernetes API is, and how a user shows who he is. */
  readonly proxy: string;
  readonly credentials: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /** How long kas may take to see a push. */
  readonly pollMs: number;
  /** How long it may remember what GitLab said. */
  readonly memoryMs: number;
  dial(): Promise<GoAgent>;
  revoke(): Promise<void>;
  grant(): Promise<void>;
  /** Commits the agent's file, or a tree without it; answers the commit. */
  commit(file: string | undefined): Promise<string>;
  stop(): void;
  readonly end: { readonly ok: boolean } | undefined;
}

class Playing {
  readonly subject: KasSubject;
  /** Agents offer to use tunnels again. */
  readonly reuse: boolean;
  agent: PlayedAgent | undefined;
  user: PlayedRequest | undefined;
  #asked = 0;
  #commits = 0;

  constructor(subject: KasSubject, reuse: boolean) {
    this.subject = subject;
    this.reuse = reuse;
  }

  get pace(): Pace {
    return this.subject.pace;
  }
  get here(): PlayedAgent {
    if (this.agent === undefined) throw new Error('there is no agent');
    return this.agent;
  }
  get asking(): PlayedRequest {
    if (this.user === undefined) throw new Error('nobody asks');
    return this.user;
  }
  get tunnel(): PlayedTunnel {
    const tunnel = this.here.tunnels.at(-1);
    if (tunnel === undefined) throw new Error('there is no tunnel');
    return tunnel;
  }

  async come(): Promise<void> {
    const agent = new PlayedAgent(await this.subject.dial());
    this.agent = agent;
    await this.pace.until('answer to Register', () => endOf(agent.registration) === 0, within.now);
    await this.pace.until('configuration', () => messagesOn(agent.configuration).length > 0, within.now);
    agent.offer(this.reuse);
  }

  leave(): void {
    this.agent?.agent.close();
    this.agent = undefined;
  }

  ask(): void {
    const { proxy, credentials, dispatcher } = this.subject;
    this.user = new PlayedRequest(`${proxy}/ask/${++this.#asked}`, credentials, dispatcher);
  }

  async answered(
    status: (code: number) => boolean,
    body?: string,
    withinMs: number = within.now,
  ): Promise<void> {
    const { asking } = this;
    await this.pace.until('answer to the user', () => asking.answer !== undefined, withinMs);
    const { status: code = 0, body: text = '' } = asking.answer ?? {};
    if (!status(code) || (body !== undefined && body !== text)) throw new Error(`answered ${code} ${text}`);
    this.user = undefined;
  }

  /** P2: the exchange at the agent ends. */
  async cancelled(): Promise<void> {
    const { stream } = this.tunnel;
    await this.pace.until('end of the exchange at the agent', () => endOf(stream) !== undefined, within.now);
  }

  async cut(): Promise<void> {
    const { peer } = this.here.agent;
    await this.pace.until('end of the connection', () => peer.isClosed, within.silence);
    this.agent = undefined;
  }

  async ended(stream: PlayedTunnel['stream'], code: number): Promise<void> {
    await this.pace.until('end of a stream', () => endOf(stream) !== undefined, within.now);
    if (endOf(stream) !== code) throw new Error(`ended with ${endOf(stream)} instead of ${code}`);
  }

  /** P5. */
  async pushed(file: string | undefined): Promise<void> {
    const { configuration } = this.here;
    const { length } = messagesOn(configuration);
    const commit = await this.subject.commit(file);
    const { pollMs } = this.subject;
    await this.pace.until('new configuration', () => messagesOn(configuration).length > length, pollMs);
    const [message] = messagesOn(configuration).slice(length);
    const told = new Fields(message ?? Buffer.alloc(0)).text(2);
    if (told !== commit) throw new Error(`told of commit ${told} instead of ${commit}`);
  }

  nextFile(): string {
    const level = ['debug', 'info', 'warn', 'error'][++this.#commits % 4];
    return `observability: { logging: { level: ${level} } }\n# ${createHash('md5').update(String(this.#commits)).digest('hex')}\n`;
  }

  /** P6. */
  async refused(): Promise<void> {
    const { agent } = this.here;
    let call = agent.register();
    await this.pace.until(
      'refusal',
      () => {
        const end = endOf(call);
        if (end === 0) call = agent.register();
        return end === 16;
      },
      this.subject.memoryMs,
    );
  }
}

const isError = (code: number) => code >= 500;

export function playKas(subject: KasSubject, reuse = false): Play {
  const playing = new Playing(subject, reuse);
  const { pace } = subject;
  let stopping = false;
  return {
    events: {
      'agent.comes': () => playing.come(),
      'agent.offers': async () => void playing.here.offer(reuse),
      'agent.hangsUp': async () => {
        const tunnelHasIt = playing.user !== undefined && playing.agent?.tunnels.at(-1)?.asked === true;
        playing.leave();
        // P2. One that only waits goes on waiting.
        if (tunnelHasIt) await playing.answered(isError);
      },
      'agent.goesSilent': async () => {
        playing.here.agent.peer.answersPings = false;
        await playing.cut(); // P3
        if (playing.user !== undefined) await playing.answered(isError);
      },
      'agent.storms': async () => {
        const { peer } = playing.here.agent;
        const settings = writeFrame(frameType.settings, 0, 0);
        for (let frames = 0; frames < 100; frames++) peer.write(settings);
        await playing.cut(); // P3
        const [told] = peer.goAways.all; // what a proxy on the way may lose
        if (told !== undefined && told.code !== errorCode.enhanceYourCalm)
          throw new Error(`it was told ${told.code} ${told.text}`);
      },
      'tunnel.retires': async () => {
        playing.tunnel.stream.end();
        await playing.ended(playing.tunnel.stream, 0);
      },
      'tunnel.resets': async () => {
        playing.tunnel.stream.reset(errorCode.cancel);
        if (playing.user !== undefined) await playing.answered(isError);
      },
      'configuration.isPushed': () => playing.pushed(playing.nextFile()),
      'configuration.isRemoved': () => playing.pushed(undefined),
      'configuration.endsAndComes': async () => {
        const { agent, configuration } = playing.here;
        const last = new Fields(messagesOn(configuration).at(-1) ?? Buffer.alloc(0)).text(2);
        configuration.reset(errorCode.cancel);
        const again = agent.configuration(last);
        await pace.pass(2 * second);
        if (messagesOn(again).length > 0 || endOf(again) !== undefined)
          throw new Error('it was told what it has, or turned away'); // P5
        again.reset(errorCode.cancel);
      },
      'token.revoked': async () => {
        await subject.revoke();
        await playing.refused();
        for (const stream of playing.here.streams)
          if (endOf(stream) !== 'reset') await playing.ended(stream, 16); // P6
      },
      'token.granted': async () => {
        await subject.grant();
        const { agent } = playing.here;
        let call = agent.register();
        const accepted = () => {
          const end = endOf(call);
          if (end === 16) call = agent.register();
          return end === 0;
        };
        await pace.until('acceptance', accepted, subject.memoryMs);
        playing.leave();
      },
      'agent.callsInVain': async () => {
        const tunnel = playing.here.offer(reuse);
        await playing.ended(tunnel.stream, 16);
      },
      'user.asks': async () => playing.ask(),
      'user.leaves': async () => {
        const hasIt = playing.agent?.tunnels.at(-1)?.asked === true;
        playing.asking.leave();
        playing.user = undefined;
        if (hasIt) await playing.cancelled(); // P2
      },
      'search.timesOut': () => playing.answered(isError, undefined, within.search),
      'agent.answers': async () => {
        playing.tunnel.answer('from the cluster');
        await playing.answered((code) => code === 200, 'from the cluster');
        if (!stopping) await playing.ended(playing.tunnel.stream, 0);
      },
      'agent.answersAndOffers': async () => {
        if (reuse) playing.tunnel.answerAndOffer('from the cluster');
        else playing.tunnel.answer('from the cluster');
        await playing.answered((code) => code === 200, 'from the cluster');
        if (!reuse) playing.here.offer(reuse);
      },
      'agent.fails': async () => {
        playing.tunnel.fail();
        await playing.answered(isError);
      },
      'kas.stops': async () => {
        stopping = true;
        subject.stop();
      },
    },
    states: {
      present: async () => {
        const { agent, tunnels } = playing.here;
        await pace.pass(second);
        if (agent.peer.isClosed || agent.peer.goAways.all.length > 0) throw new Error('it was sent away');
        if (tunnels.at(-1)?.asked === true) throw new Error('a tunnel was used for nobody');
        if (endOf(playing.tunnel.stream) !== undefined) throw new Error('its tunnel was ended');
      },
      // P1.
      serving: async () => {
        const { tunnels } = playing.here;
        await pace.until('request at the agent', () => tunnels.at(-1)?.asked === true, within.now);
        if (tunnels.filter(({ asked, stream }) => asked && endOf(stream) === undefined).length !== 1)
          throw new Error('the request was handed over twice');
        if (!playing.tunnel.path.startsWith('/ask/')) throw new Error(`asked for ${playing.tunnel.path}`);
        if (playing.user?.answer !== undefined) throw new Error('answered before the agent did');
      },
      waiting: async () => {
        await pace.pass(2 * second);
        if (playing.user?.answer !== undefined) throw new Error('given up too early');
      },
      waitingForTunnel: async () => {
        await pace.pass(2 * second);
        if (playing.user?.answer !== undefined) throw new Error('given up too early');
      },
      // P4.
      finishing: async () => {
        await pace.pass(5 * second);
        if (playing.user?.answer !== undefined || endOf(playing.tunnel.stream) !== undefined)
          throw new Error('the request was dropped');
      },
      stopped: async () => {
        const idle = playing.agent?.streams.filter((stream) => endOf(stream) === undefined) ?? [];
        const wasBusy = playing.user !== undefined;
        await pace.until('end of kas', () => subject.end !== undefined, within.stop);
        if (subject.end?.ok !== true) throw new Error('it ended as a failure');
        if (wasBusy) await playing.answered(isError);
        await pace.until(
          'end of connections',
          () => playing.agent?.agent.peer.isClosed !== false,
          within.now,
        );
        const cut = idle.filter((stream) => endOf(stream) !== 0 && playing.agent !== undefined);
        if (cut.length > 0) throw new Error(`${cut.length} idle streams did not end with OK`);
      },
    },
  };
}

/**
 * The dashboard of kas on the observability listener: pages under `/dashboard/`, and under `/api/` what they show. It reads
 * and changes nothing.
 *
 *   GET /api/agents              the directory, with an ETag
 *   GET /api/stream              its states: a snapshot, then changes (server-sent events)
 *   GET /api/agents/<key>        one agent in full
 *   GET /api/agents/<key>/stream the same, then its steps
 *   GET /api/agents/<key>/objects one manifest project with its objects, `?project=`
 *   GET /api/requests, /api/supervisors, /api/pollers
 *   GET /api/requests/stream, ...      the same, told again when it changed
 *   GET /api/events              what happened of late, `?since=` `?after=` `?agent=`
 *   GET /api/events/stream       the same, then what happens
 *   GET /api/machines
 *   GET /api/recorder            the flight recorder as a file, a line of JSON per transition
 */
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { charts } from '../../../statecharts/index.ts';
import { answerRecording, type FlightRecorder, type RecordingSource } from '../../inspect/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { ObservedTransition, Registry, SupervisorReport } from '../../supervisor/index.ts';
import { buildInfo } from '../build-info.ts';
import { accessOf } from './access.ts';
import { agentDetail, type DetailDeps } from './agent-detail.ts';
import { Fleet, type FleetDeps } from './fleet.ts';
import { dashboardLimits } from './limits.ts';
import { LiveFeed } from './live-feed.actor.ts';
import { machineLines } from './machines-view.ts';
import { pollersView, type PollerSources } from './pollers-view.ts';
import { NewsLog, type NewsQuery, type Outcome } from './news-log.ts';
import { Pages, pagesPath, pageSafety } from './pages.ts';
import { projectObjects, type SeenProject } from './project-objects.ts';
import { RequestLog, type LivingRequests } from './request-log.ts';
import { SupervisorNews } from './supervisors-view.ts';
import { viewNames, type Directory, type SupervisorNode, type ViewName, type ViewOf } from './wire.ts';

export interface DashboardDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly recorder: FlightRecorder;
  readonly find: FleetDeps['find'];
  readonly tunnels: DetailDeps['directory'];
  readonly requests: () => LivingRequests;
  readonly projects: DetailDeps['projects'];
  /** One manifest project of an agent with its objects. */
  readonly objects: (agentId: bigint, project: string) => SeenProject | undefined;
  readonly pollers: PollerSources;
  readonly tree: () => SupervisorNode;
  /** The token of now; undefined without a token file. */
  readonly token: (() => string) | undefined;
  readonly pagesFolder: string;
  /** How this kas is called among others. */
  readonly kasName: string;
}

export class Dashboard {
  readonly feed: LiveFeed;
  readonly #deps: DashboardDeps;
  readonly #fleet: Fleet;
  readonly #detail: DetailDeps;
  readonly #requests: RequestLog;
  readonly #supervisors = new SupervisorNews();
  readonly #news: NewsLog;
  readonly #pages: Pages;
  /** What is looked at as a whole. */
  readonly #views = {
    requests: () => this.#requests.view(this.#deps.requests()),
    supervisors: () => ({
      now: this.#deps.clock.now(),
      root: this.#deps.tree(),
      reports: this.#supervisors.latest(),
    }),
    pollers: () => pollersView(this.#deps.pollers, this.#deps.clock.now()),
  } satisfies Readonly<Record<ViewName, () => ViewOf[ViewName]>>;

  constructor(deps: DashboardDeps) {
    this.#deps = deps;
    const { clock, registry, tunnels } = deps;
    this.#news = new NewsLog(clock.now(), (key) => this.#nameOf(key));
    this.#fleet = new Fleet({
      find: deps.find,
      clock,
      changed: (row, before, at) => this.#news.agentChanged(row, before, at),
    });
    this.#detail = {
      fleet: this.#fleet,
      directory: tunnels,
      projects: deps.projects,
      failedRequest: (agentId) => this.#requests.lastFailed(agentId),
      now: () => clock.now(),
    };
    this.#requests = new RequestLog(clock);
    this.#pages = new Pages(deps.pagesFolder);
    this.feed = new LiveFeed({
      fleet: this.#fleet,
      detail: this.#detail,
      news: this.#news,
      clock,
      registry,
      views: this.#views,
    });
  }

  get rows(): number {
    return this.#fleet.size;
  }

  observe(transition: ObservedTransition): void {
    this.#fleet.observe(transition);
  }

  report(report: SupervisorReport): void {
    this.#supervisors.hear(report);
    this.#news.supervisorSaid(report);
  }

  projectEnded(outcome: Outcome): void {
    this.#news.projectEnded(outcome);
  }

  readonly ended: RequestLog['ended'] = (request) => this.#requests.ended(request);

  /** Answers what is the dashboard's; false for other paths. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (path === '/' || path === '/dashboard') {
      response.writeHead(302, { ...pageSafety, Location: pagesPath }).end();
      return true;
    }
    if (path.startsWith(pagesPath)) {
      await this.#pages.answer(path, response);
      return true;
    }
    if (!path.startsWith('/api/')) return false;
    const access = accessOf(request, this.#deps.token?.());
    if (access.kind === 'granted') this.#api(path, request, response);
    else {
      const ask = access.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {};
      response.writeHead(access.status, { ...json, ...ask }).end(JSON.stringify({ error: access.reason }));
    }
    return true;
  }

  #api(path: string, request: IncomingMessage, response: ServerResponse): void {
    const [, key, part] = /^\/api\/agents\/([a-z0-9-]{1,64})(?:\/(stream|objects))?$/.exec(path) ?? [];
    if (key !== undefined && part === 'objects') return this.#objects(key, request, response);
    if (key !== undefined) return this.#agent(key, part === 'stream', request, response);
    const [, name, live] = /^\/api\/([a-z]+)(\/stream)?$/.exec(path) ?? [];
    const view = viewNames.find((one) => one === name);
    if (view !== undefined) return this.#view(view, live !== undefined, request, response);
    switch (path) {
      case '/api/agents':
        return answerJson(request, response, this.#directory());
      case '/api/stream':
        if (!this.#hasRoom(request, response)) return;
        return this.feed.watchFleet(response, lastEventId(request));
      case '/api/events':
        return answerJson(request, response, this.#news.view(newsQuery(request), this.#deps.clock.now()));
      case '/api/events/stream':
        if (!this.#hasRoom(request, response)) return;
        return this.feed.watchNews(response, newsQuery(request), lastEventId(request));
      case '/api/machines':
        return answerJson(request, response, { machines: machineLines() });
      case '/api/recorder':
        return void answerRecording(this.#recording(), response);
      default:
        response.writeHead(404, json).end('{"error":"no such path"}');
    }
  }

  #agent(key: string, isStream: boolean, request: IncomingMessage, response: ServerResponse): void {
    const row = this.#fleet.row(key);
    if (row === undefined) {
      response
        .writeHead(404, json)
        .end('{"error":"this kas has not seen such an agent within the last hour"}');
    } else if (!isStream) answerJson(request, response, agentDetail(this.#detail, row));
    else if (this.#hasRoom(request, response)) this.feed.watchAgent(response, row);
  }

  #objects(key: string, request: IncomingMessage, response: ServerResponse): void {
    const project = new URLSearchParams(request.url?.split('?')[1]).get('project') ?? '';
    const row = this.#fleet.row(key);
    const agentId = row === undefined ? null : this.#fleet.describe(row).agentId;
    const seen = agentId === null ? undefined : this.#deps.objects(BigInt(agentId), project);
    if (seen !== undefined) answerJson(request, response, projectObjects(seen, this.#deps.clock.now()));
    else response.writeHead(404, json).end('{"error":"this agent has not told of such a manifest project"}');
  }

  #view(name: ViewName, isStream: boolean, request: IncomingMessage, response: ServerResponse): void {
    if (!isStream) answerJson(request, response, this.#views[name]());
    else if (this.#hasRoom(request, response)) this.feed.watchView(response, name);
  }

  #directory(): Directory {
    const fleet = this.#fleet;
    return {
      revision: fleet.revision,
      kas: { version: buildInfo.version, name: this.#deps.kasName },
      now: this.#deps.clock.now(),
      agents: [...fleet.rows()].map((row) => fleet.describe(row)),
    };
  }

  #nameOf(key: string): string {
    const row = this.#fleet.row(key);
    return row === undefined ? key : this.#fleet.describe(row).name;
  }

  #hasRoom(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method === 'HEAD') {
      response.writeHead(200, { ...json, 'Content-Type': 'text/event-stream' }).end();
      return false;
    }
    if (this.feed.watchers < dashboardLimits.watchersMax) return true;
    response.writeHead(503, { ...json, 'Retry-After': '5' }).end('{"error":"too many open streams"}');
    return false;
  }

  #recording(): RecordingSource {
    const { recorder, clock } = this.#deps;
    return {
      recorder,
      program: 'kas',
      version: buildInfo.version,
      at: clock.now(),
      machines: charts.map(({ machine }) => machine),
    };
  }
}

const json = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const;

function lastEventId({ headers }: IncomingMessage): string {
  return String(headers['last-event-id'] ?? '');
}

/** What cannot be read asks for all. */
function newsQuery({ url = '' }: IncomingMessage): NewsQuery {
  const asked = new URLSearchParams(url.split('?')[1]);
  const number = (name: string) => {
    const value = Number(asked.get(name) ?? 0);
    return Number.isFinite(value) && value > 0 ? value : 0;
  };
  const key = asked.get('agent') ?? undefined;
  return { after: number('after'), since: number('since'), key };
}

function answerJson(request: IncomingMessage, response: ServerResponse, value: object): void {
  // The time of the answer is no change.
  const tag = `"${hash('sha1', JSON.stringify({ ...value, now: 0 }), 'hex')}"`;
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304, { ETag: tag, 'Cache-Control': 'no-cache' }).end();
    return;
  }
  response.writeHead(200, { ...json, 'Cache-Control': 'no-cache', ETag: tag });
  response.end(JSON.stringify(value));
}

/** `kastor status` against a real kas, and against what is none. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { SyncAction, SyncPhase } from '../../src/protocol/index.ts';
import { status } from '../../src/cli/status/status.ts';
import { statusText } from '../../src/cli/status/status-text.ts';
import { FakeAgent } from '../kas/fake-agent.ts';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { run } from '../system/world.ts';

const program = new URL('../../src/cli/kastor.ts', import.meta.url).pathname;

/** In this process; a test starts one real one, because that takes seconds. */
async function shown(
  kas: string,
  options: { output?: 'table' | 'json' | 'yaml'; watch?: boolean; signal?: AbortSignal } = {},
) {
  const { output = 'table', watch = false, signal = new AbortController().signal } = options;
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  await status({ kas, output, watch }, { stdout, stderr }, signal);
  return { stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
const complaint = (kas: string) =>
  shown(kas).then(
    () => 'nothing was wrong',
    (error: unknown) => (error as Error).message,
  );

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function kasWithReport(): Promise<string> {
  const kas = await KasUnderTest.start();
  const agent = new FakeAgent(kas.ports.agents, tokens.agent);
  closing.push(() => kas.finish(agent));
  await agent.register(3n, 'agentk-0');
  await agent.report({
    reporterId: 1n,
    sequence: 1n,
    projectIds: ['demo/shop', 'demo/infra'],
    changed: [
      {
        projectId: 'demo/shop',
        commitId: '0123456789abcdef0123456789abcdef01234567',
        phase: SyncPhase.FAILED,
        run: 1n,
        counts: { applied: 12, failed: 1 },
        reason: '1 resources failed',
        failures: [
          {
            object: { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' },
            action: SyncAction.APPLY,
            error: 'denied by \u001b[31mpolicy',
            lastEvent: 'FailedCreate: exceeded quota',
          },
        ],
      },
      {
        projectId: 'demo/infra',
        commitId: 'c1',
        phase: SyncPhase.HELD,
        run: 1n,
        reason: '4 deletions are held',
      },
    ],
  });
  return `http://127.0.0.1:${kas.ports.observability}`;
}

describe('kastor status', () => {
  it('shows agents, their projects, and why one fails, without colours when nobody sees them', async () => {
    const address = await kasWithReport();
    const { code, stdout, stderr } = await run(process.execPath, [program, 'status', '--kas', address]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^AGENT {2}NAME {2}STATE +SINCE {2}VERSION {2}POD$/m);
    expect(stdout).toMatch(/^1 +demo +registered\S* +\d+s +v1 +agentk-0$/m);
    expect(stdout).toMatch(/^1 +demo\/shop +0123456789 +failed +12 +0 +1 +no +\d+s ago +never$/m);
    expect(stdout).toMatch(/^1 +demo\/infra +c1 +held +0 +0 +0 +yes +\d+s ago +never$/m);
    expect(stdout).toContain('failed  demo/shop of agent 1: 1 resources failed');
    expect(stdout).toContain('apps/Deployment shop/web: denied by  [31mpolicy');
    expect(stdout).toContain('last event: FailedCreate: exceeded quota');
    expect(stdout).toContain('held    demo/infra of agent 1: 4 deletions are held');
  });

  it('prints JSON for programs', async () => {
    const address = await kasWithReport();
    const { stdout } = await shown(address, { output: 'json' });
    expect(JSON.parse(stdout)).toMatchObject({
      agents: [{ agentId: '1', podName: 'agentk-0' }],
      gitops: {
        projects: [
          { project: 'demo/shop', phase: 'failed' },
          { project: 'demo/infra', phase: 'held' },
        ],
      },
    });
  });

  it('says what is wrong and how to mend it', async () => {
    const other = await new Promise<Server>((resolve) => {
      const made = createServer((request, response) => {
        if (request.url === '/state') response.end('<html>hello</html>');
      }).listen(0, '127.0.0.1', () => resolve(made));
    });
    const { port } = other.address() as AddressInfo;
    expect(await complaint(`127.0.0.1:${port}`)).toMatch(
      /something else than the state of a kas.* Give --kas /,
    );
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
    expect(await complaint(`http://127.0.0.1:${port}`)).toMatch(/ECONNREFUSED.* observability\.listen/);
    expect(await complaint('ftp://127.0.0.1')).toContain('no http or https address');
    expect(await complaint('http://a:secret@127.0.0.1')).toMatch(/^--kas may not hold a password/);
  });

  it('while watching tells of trouble and goes on until it is interrupted', async () => {
    let asked = 0;
    const interrupted = new AbortController();
    const kas = await new Promise<Server>((resolve) => {
      const made = createServer((_request, response) => {
        asked += 1;
        if (asked === 1) return void response.writeHead(503).end();
        response.end('{"version":"1.0","agents":[],"agentsHidden":0}', () => interrupted.abort());
      }).listen(0, '127.0.0.1', () => resolve(made));
    });
    const address = `http://127.0.0.1:${(kas.address() as AddressInfo).port}`;
    const { stdout, stderr } = await shown(address, { watch: true, signal: interrupted.signal });
    kas.closeAllConnections();
    await new Promise((resolve) => kas.close(resolve));
    expect(stderr).toContain('answered 503');
    expect(stdout).toContain('No agent is connected.');
  });
});

describe('the text of a status', () => {
  const nothing = {
    version: '1.0',
    agents: [],
    agentsHidden: 0,
    gitops: { projects: [], projectsHidden: 0, outcomes: [] },
  };

  it('says so when there is nothing', () => {
    expect(statusText(nothing, 0, { paint: (_, text) => text, width: Infinity })).toBe(
      'kas 1.0\n\nNo agent is connected.\n\nNo agent told of a manifest project.',
    );
  });

  it('keeps its columns with colours, wide letters and names that are too long', () => {
    const agents = ['a', '漢字', 'x'.repeat(500)].map((agentName) => ({
      agentId: '1',
      agentName,
      connectedAt: 0,
      state: 'registered',
    }));
    const paint = (_style: string, text: string) => `\u001b[1m${text}\u001b[0m`;
    const text = statusText({ ...nothing, agents }, 90_000_000, { paint, width: Infinity });
    const rows = stripVTControlCharacters(text).split('\n').slice(3, 6);
    const columns = rows.map((row) => row.indexOf('registered') + (row.includes('漢字') ? 2 : 0));
    expect(new Set(columns).size).toBe(1);
    expect(rows[0]).toMatch(/registered +25h$/);
    expect(rows[2]).toContain('x…');
  });
});

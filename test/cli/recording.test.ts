/** `kastor record` and `kastor conform` as people use them, on a kas that runs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { conform } from '../../src/cli/recording/conform.ts';
import { record } from '../../src/cli/recording/record.ts';
import { FakeAgent } from '../kas/fake-agent.ts';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { FakeTerminal } from './stub-kas.ts';

let folder: string;
let file: string;
let saved: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-recording-'));
  file = join(folder, 'kas.ndjson');
  const kas = await KasUnderTest.start();
  const agent = new FakeAgent(kas.ports.agents, tokens.agent);
  await agent.register(3n, 'agentk-0');
  await kas.idleTunnel(agent);
  agent.close();
  await kas.becomesEmpty();
  const terminal = new FakeTerminal();
  await record({ kas: `http://127.0.0.1:${kas.ports.observability}`, output: file }, terminal);
  saved = terminal.err;
  await kas.finish();
});
afterAll(() => rm(folder, { recursive: true }));

async function judged(path: string, output: 'text' | 'json' = 'text', stdin?: NodeJS.ReadableStream) {
  const terminal = new FakeTerminal();
  const verdict = await conform(path, { output }, terminal, stdin).then(
    () => 'conforms',
    (error: { exitCode?: number; message: string }) => `${error.exitCode} ${error.message}`,
  );
  return { verdict, out: terminal.out };
}

it('what was saved is judged by the charts', async () => {
  expect(saved).toMatch(/^kastor: \d+ lines in .*kas\.ndjson; "kastor conform .*" judges them\n$/);
  const { verdict, out } = await judged(file);
  expect(verdict).toBe('conforms');
  expect(out).toMatch(/^Recording of kas v0\.0\.0, taken /);
  const [, all, proven] = /(\d+) transitions, (\d+) of them possible/.exec(out) ?? [];
  expect(all).toBe(proven);
  expect(Number(all)).toBeGreaterThan(50);
  expect(out).toMatch(/Every transition is one its chart allows\.\n$/);
});

it('nothing that was said to kas is in it', async () => {
  const text = await readFile(file, 'utf8');
  for (const secret of [...Object.values(tokens), 'Bearer', 'demo/agents', '127.0.0.1']) {
    expect(text).not.toContain(secret);
  }
});

it('a changed line ends with exit code 1 and its number', async () => {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const at = lines.findIndex((line) => line.includes('"agentSession"') && line.includes('tunnels.available'));
  const line = lines[at] ?? '';
  lines[at] = line.replace('tunnels.changed', 'pod.announced');
  const changed = join(folder, 'changed.ndjson');
  await writeFile(changed, lines.join('\n'));
  const { verdict, out } = await judged(changed);
  expect(verdict).toMatch(/^1 .*changed\.ndjson does not conform$/);
  expect(out).toContain(`line ${at + 1}: its check is wrong`);
  expect(out).toMatch(
    new RegExp(`^line ${at + 1}: session:\\S+: agentSession, .* by pod\\.announced: `, 'm'),
  );
  expect(JSON.parse((await judged(changed, 'json')).out)).toMatchObject({
    conforms: false,
    findings: [{ line: at + 1 }, { line: at + 1 }],
  });
});

it('reads what comes in, and says what cannot be read', async () => {
  const half = (await readFile(file, 'utf8')).slice(0, 5_000);
  const { verdict, out } = await judged('-', 'text', Readable.from([half]));
  expect(verdict).toBe('1 - does not conform');
  expect(out).toContain('no JSON');
  expect((await judged(join(folder, 'nothing'))).verdict).toMatch(/^2 .*nothing cannot be read: ENOENT/);
});

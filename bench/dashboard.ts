/**
 * `node bench/dashboard.ts [--agents N] [--rate N] [--seconds N] [--json FILE]`: the dashboard with many agents that change
 * all the time, on a real page in a real browser (Chromium, drawn by software). Goals: the page draws more than 30 frames a second,
 * and the event loop of the daemon is late by less than 20 ms in 99 of 100 of its turns, beyond what it is when nothing happens.
 * A busy machine draws fewer pictures: a browser that draws by software needs a processor.
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { buildPages, openBrowser } from '../test/web/browser.ts';
import type { Measured } from './dashboard-daemon.ts';
import type { Figure } from './figures.ts';

interface Frames {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Between two pictures of the fleet, in 99 of 100: how old what is seen can be, but for a beat of the feed. */
  readonly betweenMs: number;
}

const { values: options } = parseArgs({
  options: {
    agents: { type: 'string', default: '5000' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const goals = { framesPerSecondMin: 30, loopP99MsMax: 20 } as const;

buildPages();
const daemon = spawn(process.execPath, ['bench/dashboard-daemon.ts', options.agents], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
process.once('exit', () => daemon.kill('SIGKILL'));
const answers = createInterface({ input: daemon.stdout })[Symbol.asyncIterator]();
const { port } = await answer<{ port: number }>();
const browser = await openBrowser();
const figures: Figure[] = [];
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  await page.goto(`http://127.0.0.1:${port}/dashboard/#/agents`);
  await page.locator('canvas').waitFor();
  await pause(3_000);
  await run('idle', page, 0, seconds / 2);
  await run('map', page, Number(options.rate), seconds);
  await page.getByRole('button', { name: 'table' }).click();
  await run('table', page, Number(options.rate), seconds);
  await page.goto(`http://127.0.0.1:${port}/dashboard/#/agents/17`);
  await page.locator('.chart-box svg').waitFor();
  await run('agent', page, Number(options.rate), seconds);
} finally {
  await browser.close();
  daemon.stdin.end();
}
const value = (name: string) =>
  figures.find((figure) => figure.name === `dashboard.${name}`)?.value ?? Number.NaN;
const late = value('map.loop_p99_ms') - value('idle.loop_p99_ms');
console.log(
  `${value('map.frames_per_s') > goals.framesPerSecondMin ? 'holds ' : 'MISSED'}  frames per second ${value('map.frames_per_s')} (> ${goals.framesPerSecondMin})`,
);
console.log(
  `${late < goals.loopP99MsMax ? 'holds ' : 'MISSED'}  event loop p99 ${late.toFixed(1)} ms beyond idle (< ${goals.loopP99MsMax})`,
);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);

async function run(name: string, page: Page, perSecond: number, time: number): Promise<void> {
  const counting = page.evaluate<Frames>(countFrames(time * 1_000));
  daemon.stdin.write(`${JSON.stringify({ perSecond, seconds: time })}\n`);
  const [measured, frames] = [await answer<Measured>(), await counting];
  const add = (figure: string, one: number, unit: string) =>
    figures.push({ name: `dashboard.${name}.${figure}`, value: Math.round(one * 100) / 100, unit });
  add('transitions_per_s', measured.transitions / measured.seconds, 'transitions/s');
  add('frames_per_s', frames.perSecond, 'frames/s');
  add('frame_p99_ms', frames.p99Ms, 'ms');
  add('frame_longest_ms', frames.longestMs, 'ms');
  add('between_updates_p99_ms', frames.betweenMs, 'ms');
  add('loop_p50_ms', measured.loopP50Ms, 'ms');
  add('loop_p99_ms', measured.loopP99Ms, 'ms');
  add('loop_max_ms', measured.loopMaxMs, 'ms');
  add('daemon_cpu', measured.cpuShare, 'cores');
  for (const figure of figures.slice(-9)) {
    console.log(`${figure.name.padEnd(36)} ${String(figure.value).padStart(9)} ${figure.unit}`);
  }
}

/** A script that counts the frames of the page for a while, and what lies between two of them. */
function countFrames(ms: number): string {
  return `new Promise((done) => {
    const gaps = [];
    const shown = [];
    const watcher = new MutationObserver(() => shown.push(Date.now()));
    const main = document.querySelector('main');
    if (main !== null) watcher.observe(main, { attributes: true, attributeFilter: ['data-sequence'] });
    const started = performance.now();
    let before = started;
    const frame = (now) => {
      gaps.push(now - before);
      before = now;
      if (now - started < ${ms}) return void requestAnimationFrame(frame);
      watcher.disconnect();
      gaps.shift();
      gaps.sort((a, b) => a - b);
      const between = shown.slice(1).map((at, k) => at - shown[k]).sort((a, b) => a - b);
      done({
        perSecond: gaps.length / ((now - started) / 1000),
        p99Ms: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
        longestMs: gaps.at(-1) ?? 0,
        betweenMs: between[Math.floor(between.length * 0.99)] ?? 0,
      });
    };
    requestAnimationFrame(frame);
  })`;
}

async function answer<T>(): Promise<T> {
  const { value: line, done } = await answers.next();
  if (done === true) throw new Error('the daemon ended');
  return JSON.parse(line) as T;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

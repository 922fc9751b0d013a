/**
 * What reading manifests costs, and what it leaves of the main thread: 10,000 Deployments in 1,000 files read by the worker
 * threads and, for comparison, on the calling thread.
 *
 *   node bench/manifests.ts
 */
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createMetrics, systemClock } from '../src/host/index.ts';
import { ManifestWorkers, type ManifestFile } from '../src/manifests/index.ts';
import { readManifests } from '../src/manifests/read-manifests.ts';

const rounds = 5;

function deployments(files: number, perFile: number): ManifestFile[] {
  return Array.from({ length: files }, (_, file) => ({
    name: `apps/${file}.yaml`,
    bytes: Buffer.from(
      Array.from({ length: perFile }, (_, n) => deployment(`web-${file}-${n}`)).join('---\n'),
    ),
  }));
}

function deployment(name: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name}, tier: front }
spec:
  replicas: 3
  selector:
    matchLabels: { app: ${name} }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      containers:
        - name: web
          image: "registry.example/web:1.2.3"
          args: ["--port", "8080"]
          ports:
            - containerPort: 8080
          env:
            - { name: LEVEL, value: "info" }
          resources:
            limits: { cpu: 500m, memory: 128Mi }
`;
}

async function measured(run: () => unknown): Promise<{ ms: number; delayMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  await new Promise((done) => setTimeout(done, 5));
  delay.disable();
  return { ms, delayMs: delay.percentile(99) / 1e6 };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const files = deployments(1_000, 10);
const mib = files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1024 / 1024;
const signal = new AbortController().signal;
console.log(`10,000 manifests in ${files.length} files, ${mib.toFixed(1)} MiB, median of ${rounds}`);

const alone: { ms: number; delayMs: number }[] = [];
for (let n = 0; n < rounds; n += 1) alone.push(await measured(() => readManifests(files)));
console.log(`calling thread   ${median(alone.map(({ ms }) => ms)).toFixed(0)} ms`);

for (const threads of [1, availableParallelism()]) {
  const { metrics } = createMetrics({ processMetrics: false });
  const workers = new ManifestWorkers({ clock: systemClock, metrics, threads });
  await workers.read(files, signal);
  const runs: { ms: number; delayMs: number }[] = [];
  for (let n = 0; n < rounds; n += 1) runs.push(await measured(() => workers.read(files, signal)));
  await workers.stop();
  const ms = median(runs.map((run) => run.ms)).toFixed(0);
  const delayMs = median(runs.map((run) => run.delayMs)).toFixed(1);
  console.log(`${threads} worker(s)      ${ms} ms, event-loop delay p99 ${delayMs} ms`);
}

/** The programs of a real cluster, in the folder that `KUBEBUILDER_ASSETS` names (the layout of envtest). */
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';

export interface KubeAssets {
  readonly etcd: string;
  readonly apiServer: string;
  /** Not in every such folder. */
  readonly controllerManager: string | undefined;
}

export function kubeAssets(): KubeAssets {
  const folder = process.env['KUBEBUILDER_ASSETS'] ?? '';
  const found = (program: string) => {
    const path = join(folder, program);
    return existsSync(path) ? path : undefined;
  };
  const needed = (program: string) => {
    const path = found(program);
    if (path === undefined) throw new Error(`KUBEBUILDER_ASSETS holds no ${program}`);
    return path;
  };
  return {
    etcd: needed('etcd'),
    apiServer: needed('kube-apiserver'),
    controllerManager: found('kube-controller-manager'),
  };
}

/** What a program built with Go says of its source, stripped or not: the names of its files. */
const anyReflect = 'modern-go/reflect2/';
const soundReflect = 'modern-go/reflect2/go_above_118.go';

/**
 * Whether an API server survives a custom object. JSON of any shape goes through `reflect2`, whose releases before 1.0.2 break the memory
 * of programs built with Go 1.18 or later; 1.0.2 has a file of its own for them. A build may carry the newer one, whatever its
 * version says, so that the program itself is asked.
 */
export async function takesCustomObjects(apiServer: string, goVersion: string): Promise<boolean> {
  const goMinor = Number(/^go1\.(\d+)/.exec(goVersion)?.[1] ?? Number.NaN);
  if (goMinor < 18) return true;
  const names = await heldBy(apiServer, [anyReflect, soundReflect]);
  return !names.has(anyReflect) || names.has(soundReflect);
}

/** Which of these texts a file holds. */
async function heldBy(path: string, texts: readonly string[]): Promise<ReadonlySet<string>> {
  const held = new Set<string>();
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  let before = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const piece = Buffer.concat([before, chunk as Buffer]);
    for (const text of texts) if (!held.has(text) && piece.includes(text)) held.add(text);
    before = piece.subarray(-overlap);
  }
  return held;
}

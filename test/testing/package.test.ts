/** `kastor/testing` as others get it: packed, installed elsewhere, without any source of ours. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { declareTesting } from '../../scripts/testing-declarations.ts';
import { run } from '../system/world.ts';

const root = new URL('../../', import.meta.url).pathname;
const consumer = `
import { createMachine } from 'xstate';
import { chartLaws, drawPlan, mutantsOf, pathsOf, simulate, type Outcome, type Plan } from 'kastor/testing';

const machine = createMachine({ initial: 'on', states: { on: { on: { leave: 'off' } }, off: { type: 'final' } } });
const plan: Plan = drawPlan(5, { agents: 1, kas: 1, healMs: 5_000, faults: [] });
const outcome: Outcome = await simulate(plan);
const broken: readonly string[] = chartLaws(machine).filter((law) => law.broken.length > 0).map(({ name }) => name);
const paths: number = pathsOf(machine).length;
const mutants: readonly string[] = mutantsOf(machine).map(({ id }) => id);
console.log(JSON.stringify({ failure: outcome.failure ?? 'none', broken, paths, mutants }));
`;

let folder: string;
const app = () => join(folder, 'app');

/** As `npm run build` compiles, but file by file and without checking types. */
function compile(dist: string): void {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    readonly config: { readonly compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const compilerOptions = {
    ...options,
    module: ts.ModuleKind.ESNext,
    noEmit: false,
    rewriteRelativeImportExtensions: true,
  };
  for (const part of ['src', 'statecharts']) {
    for (const name of readdirSync(join(root, part), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const fileName = join(part, name);
      const source = readFileSync(join(root, fileName), 'utf8');
      const { outputText } = ts.transpileModule(source, { fileName, compilerOptions });
      const file = join(dist, fileName.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, outputText);
    }
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kastor-package-'));
  const built = join(folder, 'built');
  compile(join(built, 'dist'));
  declareTesting(join(built, 'dist'));
  for (const name of ['package.json', '.gitignore']) cpSync(join(root, name), join(built, name));
  const packed = await run('npm', [
    'pack',
    built,
    '--offline',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  ]);
  expect([packed.code, packed.stderr.includes('npm error')]).toEqual([0, false]);
  const installed = join(app(), 'node_modules', 'kastor');
  mkdirSync(installed, { recursive: true });
  const archive = join(folder, packed.stdout.trim());
  await run('tar', ['-xzf', archive, '-C', installed, '--strip-components', '1']);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(app(), 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  writeFileSync(join(app(), 'package.json'), '{ "type": "module" }');
  writeFileSync(join(app(), 'consumer.ts'), consumer);
  writeFileSync(join(app(), 'wrong.ts'), consumer.replace('const paths: number', 'const paths: string'));
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true }));

it('has no source in it', () => {
  const files = readdirSync(join(app(), 'node_modules', 'kastor'), { recursive: true, encoding: 'utf8' });
  expect(files).toContain('dist/src/testing/index.d.ts');
  expect(files.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))).toEqual([]);
});

it('judges a chart and runs a world', { timeout: 300_000 }, async () => {
  const { code, stdout, stderr } = await run(process.execPath, [join(app(), 'consumer.ts')]);
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({
    failure: 'none',
    broken: expect.arrayContaining([expect.stringMatching(/stop/)]),
    paths: 1,
    mutants: [expect.stringMatching(/^on on leave → off: never taken/)],
  });
});

it('says the types of all it has', { timeout: 300_000 }, () => {
  const program = ts.createProgram([join(app(), 'consumer.ts'), join(app(), 'wrong.ts')], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    strict: true,
    noEmit: true,
    typeRoots: [join(root, 'node_modules', '@types')],
    types: ['node'],
    skipLibCheck: true,
  });
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ');
    return `${file?.fileName.slice(app().length + 1)}: ${text}`;
  });
  expect(errors).toEqual(["wrong.ts: Type 'number' is not assignable to type 'string'."]);
  const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(root));
  expect(ours.filter(({ fileName }) => !fileName.includes('/node_modules/'))).toEqual([]);
});

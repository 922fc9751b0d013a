/** What the documents say is true of the code: pictures, examples, names of charts, the import law, links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { localGit } from '../../src/git/local/index.ts';
import { openEmbeddedGitLab } from '../../src/gitlab/embedded/index.ts';
import { parseConfiguration } from '../../src/kas/configuration/index.ts';
import { parseAgentConfiguration } from '../../src/protocol/index.ts';
import { charts } from '../../statecharts/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { rows } from '../kas/configuration/rows.ts';

const root = new URL('../../', import.meta.url).pathname;
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const architecture = read('docs/architecture.md');
const written = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...written];

/** Rows of the table below a heading, as cells; code ticks are kept. */
function table(text: string, heading: string): string[][] {
  const section = text.slice(text.indexOf(`## ${heading}`)).split(/\n## /)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split('|').map((cell) => cell.trim()));
}

const ticked = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

/** The fenced block behind `<!-- example: name -->`. */
function example(name: string): string {
  const block = new RegExp(`<!-- example: ${name} -->\\s*\`\`\`yaml\\n([^]*?)\`\`\``).exec(readme)?.[1];
  if (block === undefined) throw new Error(`the README has no example ${name}`);
  return block;
}

describe('the README', () => {
  it('shows pictures that are drawn from the charts', () => {
    const drawn = charts.map(({ name }) => `docs/charts/${name}.svg`);
    const pictures = [...readme.matchAll(/!\[[^\]]+\]\(([^)]+\.svg)\)/g)].map(([, path]) => path);
    expect(pictures.length).toBeGreaterThan(1);
    for (const picture of pictures) expect(drawn).toContain(picture);
  });

  it.each(['kas', 'kas-with-gitlab'])('has a configuration that kas takes: %s', (name) => {
    expect(parseConfiguration(example(name))).toMatchObject({ kind: 'ok' });
  });

  it('has a directory file that kas takes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-docs-'));
    const file = join(folder, 'directory.yaml');
    try {
      await writeFile(file, example('directory'));
      const gitlab = await openEmbeddedGitLab({
        file,
        git: localGit({ log: silentLog }),
        clock: new VirtualClock(),
        log: silentLog,
        parseConfiguration: parseAgentConfiguration,
        watch: false,
      });
      expect(gitlab.state()).toMatchObject({ agents: 1, projects: 1, users: 1, jobs: 1, problems: [] });
      await gitlab.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has an agent configuration that kas takes', () => {
    const config = /config\.yaml <<'YAML'\n([^]*?)YAML\n/.exec(readme)?.[1] ?? 'missing';
    expect(parseAgentConfiguration(Buffer.from(config))).toMatchObject({ kind: 'ok' });
  });
});

describe('docs/architecture.md', () => {
  it('names every chart, and states these charts have', () => {
    const rows = table(architecture, 'The charts');
    expect(rows.flatMap(([, name = '']) => ticked(name)).toSorted()).toEqual(charts.map(({ name }) => name));
    for (const [, cell = '', whose = '', states = ''] of rows) {
      const chart = charts.find(({ name }) => cell === `\`${name}\``);
      const known = new Set(chart === undefined ? [] : keysOf(chart.machine.root));
      expect(
        states.split(', ').filter((state) => !known.has(state)),
        cell,
      ).toEqual([]);
      expect(whose.includes('compiled'), cell).toBe(chart?.hot === true);
    }
  });

  it('tells the import law as it is enforced', () => {
    const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
      readonly forbidden: readonly { readonly name: string; readonly to: { readonly pathNot: unknown } }[];
    };
    let checked = 0;
    const folderOf = (path: string) => path.replace(/^\^(src\/)?|\/$/g, '');
    for (const [, cell = '', allowed = ''] of table(architecture, 'Who may import whom')) {
      const [folder = ''] = ticked(cell);
      const rule = forbidden.find(({ name }) => name === `layers-look-down-${folder}`);
      // The composition roots are told in words.
      if (rule === undefined || ['kas', 'agentk', 'sim', 'doctor'].includes(folder)) continue;
      checked += 1;
      const law = (rule.to.pathNot as readonly string[]).map(folderOf);
      const told = [folder, ...ticked(allowed)];
      expect(law.toSorted(), folder).toEqual(told.toSorted());
    }
    expect(checked).toBe(13);
  });
});

describe('docs/operations.md', () => {
  it('tells every key of the configuration file', () => {
    const section =
      read('docs/operations.md')
        .split('\n## ')
        .find((text) => text.startsWith('Configuration of kas')) ?? '';
    const told = new Set(ticked(section));
    expect(rows.map(({ key }) => key).filter((key) => !told.has(key))).toEqual([]);
  });
});

it.each(documents)('%s links to what there is', (path) => {
  const links = [...read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link ?? '');
  const broken = links.filter(
    (link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(path), link)),
  );
  expect(broken).toEqual([]);
});

function keysOf(node: AnyStateNode): string[] {
  return [node.key, ...Object.values(node.states).flatMap((child) => keysOf(child))];
}

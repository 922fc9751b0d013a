/** Completions: what the definitions of the commands give, and what the real shells make of it. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCompletion } from '../../src/cli/completion/add-completion.ts';
import { complete } from '../../src/cli/completion/complete.ts';
import { scriptFor, type Shell } from '../../src/cli/completion/shell-scripts.ts';
import { addDoctor } from '../../src/cli/add-doctor.ts';
import { addLook } from '../../src/cli/look/add-look.ts';
import { addRecording } from '../../src/cli/recording/add-recording.ts';
import { StubKas } from './stub-kas.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

const program = new Command('kastor');
for (const add of [addLook, addRecording, addDoctor, addCompletion]) add(program);

const values = async (environment: NodeJS.ProcessEnv, ...words: string[]) =>
  (await complete(program, words, environment))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]);
const offered = (...words: string[]) => values({ KASTOR_KAS: 'http://127.0.0.1:1' }, ...words);

const row = (key: string, name: string, project = 'group/demo') => ({
  key,
  agentId: key,
  name,
  project,
  condition: 'online',
  version: '',
  pod: '',
  kubernetes: '',
  peer: '',
  since: 0,
  firstSeen: 0,
  connectedAt: 0,
  reason: '',
  sessions: 1,
  disconnects: 0,
});

describe('what can stand where the cursor is', () => {
  it('commands, and those below them, but none that is hidden', async () => {
    expect(await offered('')).toEqual(
      expect.arrayContaining(['agents', 'agent', 'events', 'doctor', 'help']),
    );
    expect(await offered('')).not.toContain('__complete');
    expect(await offered('age')).toEqual(['agents', 'agent']);
    expect(await offered('doctor', '')).toEqual(['agent', 'kas', 'help']);
    expect(await offered('nonsense', 'x', 'y')).toEqual([]);
  });

  it('every flag of every command, once', async () => {
    for (const command of program.commands) {
      const longs = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long);
      if (command.name() === 'doctor' || command.name().startsWith('__')) continue;
      expect(await offered(command.name(), '--')).toEqual(expect.arrayContaining(longs));
    }
    expect(await offered('agents', '--reverse', '--rev')).toEqual([]);
    expect(await offered('agents', '--state', 'online', '--st')).toEqual(['--state']);
  });

  it('values of enumerations, also after =, also several', async () => {
    expect(await offered('agents', '-o', '')).toEqual(['table', 'wide', 'json', 'yaml']);
    expect(await offered('agents', '--output=js')).toEqual(['--output=json']);
    expect(await offered('agents', '--state', 'online', 'dr')).toEqual(['draining']);
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await offered('charts', 'x')).toEqual([]);
  });

  it('files where files are meant, and nothing where anything may stand', async () => {
    expect(await offered('conform', '')).toEqual([':files']);
    expect(await offered('agents', '--token-file', '')).toEqual([':files']);
    expect(await offered('agents', '--token-file=')).toEqual([':files']);
    expect(await offered('agents', '--project', '')).toEqual([]);
    expect(await offered('conform', '--', '-')).toEqual([':files']);
  });

  it('names of agents from the kas of the line; ids where names say too little or too much', async () => {
    await using kas = await StubKas.start({
      '/api/agents': {
        kas: { version: '', name: '' },
        now: 0,
        agents: [row('1', 'prod', 'a/b'), row('2', 'prod', 'c/d'), row('3', 'demo'), row('4', '$(touch x)')],
      },
    });
    expect(await offered('agent', '--kas', kas.address, '')).toEqual(['1', '2', 'demo', '4']);
    expect(await offered('events', `--kas=${kas.address}`, '--agent', 'd')).toEqual(['demo']);
    expect(await values({ KASTOR_KAS: kas.address }, 'requests', '--agent=d')).toEqual(['--agent=demo']);
  });

  it('nothing when kas does not answer', async () => {
    expect(await offered('agent', '')).toEqual([]);
  });
});

/** Whether this machine has the shell. */
function has(shell: Shell): boolean {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A test that is skipped says why. */
function named(shell: Shell, what: string): string {
  return has(shell)
    ? `${shell} ${what}`
    : `${shell} is not on this machine: nobody looked whether it ${what}`;
}

describe('the shells', () => {
  /** A busy machine may take longer than a completion waits for kas. */
  const patience = { timeout: 100_000 };
  let folder: string;
  let kas: StubKas;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kastor-completion-'));
    const executable = join(folder, 'kastor');
    writeFileSync(
      executable,
      `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(root, 'src/cli/kastor.ts'))} "$@"\n`,
    );
    chmodSync(executable, 0o755);
    writeFileSync(join(folder, 'flight recorder.ndjson'), '');
    kas = await StubKas.start({
      '/api/agents': {
        kas: { version: '', name: '' },
        now: 0,
        agents: [row('3', 'demo'), row('5', 'staging')],
      },
    });
    environment = {
      ...process.env,
      HOME: folder,
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      KASTOR_KAS: kas.address,
      TERM: 'dumb',
    };
  });
  afterAll(async () => {
    await kas[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const script = (shell: Shell) => {
    const file = join(folder, `kastor.${shell}`);
    writeFileSync(file, scriptFor(shell));
    return file;
  };

  /** What bash would offer for the line. */
  async function byBash(line: string): Promise<readonly string[]> {
    const { stdout } = await run(
      'bash',
      [
        '--norc',
        '-c',
        'source "$1"; COMP_LINE="$2"; COMP_POINT=${#2}; _kastor_complete kastor; printf "%s\\n" "${COMPREPLY[@]}"',
        'bash',
        script('bash'),
        line,
      ],
      { env: environment, cwd: folder },
    );
    return stdout.split('\n').filter((one) => one !== '');
  }

  it('bash offers commands, values, agents and files', async () => {
    expect(await byBash('kastor age')).toEqual(['agents', 'agent']);
    // What stands before = is not part of bash's word.
    expect(await byBash('kastor agents --output=y')).toEqual(['yaml']);
    expect(await byBash('kastor agents --sort tun')).toEqual(['tunnels']);
    await expect
      .poll(() => byBash(`kastor agent --kas ${kas.address} `), patience)
      .toEqual(['demo', 'staging']);
    expect(await byBash('kastor conform fl')).toEqual(['flight recorder.ndjson']);
  }, 120_000);

  it.skipIf(!has('fish'))(
    named('fish', 'offers commands, values, agents and files'),
    async () => {
      const byFish = async (line: string) => {
        const { stdout } = await run(
          'fish',
          ['--no-config', '-c', `source ${script('fish')}; complete -C ${JSON.stringify(line)}`],
          { env: environment, cwd: folder },
        );
        return stdout
          .split('\n')
          .map((one) => one.split('\t')[0])
          .filter((one) => one !== '')
          .toSorted((one = '', other = '') => one.localeCompare(other));
      };
      expect(await byFish('kastor age')).toEqual(['agent', 'agents']);
      expect(await byFish('kastor agents --so')).toEqual(['--sort']);
      expect(await byFish('kastor agents --sort tun')).toEqual(['tunnels']);
      await expect.poll(() => byFish('kastor agent d'), patience).toEqual(['demo']);
      expect(await byFish('kastor conform fl')).toEqual([expect.stringContaining('flight')]);
    },
    120_000,
  );

  it.skipIf(!has('zsh'))(
    named('zsh', 'completes a line typed into it'),
    async () => {
      // A terminal of its own, as `zsh/zpty` gives it; what it shows after the tab is read until the word is there.
      const typed = async (line: string, wanted: string) => {
        const { stdout } = await run('zsh', ['-f', '-c', zshTyping, 'zsh', script('zsh'), line, wanted], {
          env: environment,
          cwd: folder,
        });
        return stdout;
      };
      expect(await typed('kastor pol', 'kastor pollers')).toContain('kastor pollers');
      expect(await typed('kastor agents --sort tun', '--sort tunnels')).toContain('--sort tunnels');
      await expect.poll(() => typed('kastor agent st', 'agent staging'), patience).toContain('agent staging');
      expect(await typed('kastor conform fl', 'recorder.ndjson')).toContain('recorder.ndjson');
    },
    240_000,
  );
});

const zshTyping = `
zmodload zsh/zpty
zpty -b shell zsh -f -i
say() { zpty -w shell "$1" }
# Reads until the text is there; gives up after the seconds.
until_seen() {
  local -i end=$((SECONDS + $2))
  local all= part
  while (( SECONDS < end )); do
    if zpty -r -t shell part; then all+="$part"; else sleep 0.05; fi
    [[ "$all" == *"$1"* ]] && { print -r -- "$all"; return 0 }
  done
  print -r -- "$all"
  return 0
}
say "PS1=; autoload -Uz compinit; compinit -D -u; source $1; print -r re''ady"
until_seen ready 60 >/dev/null
zpty -w -n shell "$2"$'\\t'
until_seen "$3" 20
zpty -d shell
`;

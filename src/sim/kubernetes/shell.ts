/** The canned programs of simulated containers: enough of a shell to see that exec works. Nothing is ever executed. */

export interface ShellWorld {
  readonly hostname: string;
  readonly namespace: string;
  readonly nowMs: () => number;
}

export interface ShellResult {
  readonly out: string;
  readonly err: string;
  readonly code: number;
  /** The shell itself should end. */
  readonly exits: boolean;
}

const ok = (out: string): ShellResult => ({ out, err: '', code: 0, exits: false });
const failed = (code: number, err = ''): ShellResult => ({ out: '', err, code, exits: false });

type Program = (args: readonly string[], world: ShellWorld) => ShellResult;

const programs: Readonly<Record<string, Program>> = {
  echo: (args) => (args[0] === '-n' ? ok(args.slice(1).join(' ')) : ok(`${args.join(' ')}\n`)),
  true: () => ok(''),
  false: () => failed(1),
  ls: () => ok('bin  dev  etc  proc  tmp  usr  var\n'),
  pwd: () => ok('/\n'),
  whoami: () => ok('root\n'),
  id: () => ok('uid=0(root) gid=0(root)\n'),
  hostname: (_, world) => ok(`${world.hostname}\n`),
  uname: () => ok('Linux\n'),
  date: (_, world) => ok(`${new Date(world.nowMs()).toUTCString()}\n`),
  env: (_, world) => ok(`HOSTNAME=${world.hostname}\nPOD_NAMESPACE=${world.namespace}\nPATH=/usr/bin:/bin\n`),
  exit: (args) => ({ ...failed(Number(args[0] ?? 0) & 255), exits: true }),
};

/** Splits a line into words; quotes group. */
function words(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)].map((form) => form[1] ?? form[2] ?? form[0]);
}

/** Runs one program by its words. */
export function runProgram(command: readonly string[], world: ShellWorld): ShellResult {
  const [name = '', ...args] = command;
  if (name === '') return ok('');
  const short = name.slice(name.lastIndexOf('/') + 1);
  const program = Object.hasOwn(programs, short) ? programs[short] : undefined;
  return program === undefined ? failed(127, `sh: ${name}: not found\n`) : program(args, world);
}

/** Runs a line of programs joined by `;`, `&&` and newlines. `>&2` sends a program's output to standard error. */
export function runScript(script: string, world: ShellWorld): ShellResult {
  let [out, err, code] = ['', '', 0];
  for (const line of script.split(/;|\n/)) {
    for (const part of line.split('&&')) {
      const redirected = /\s*1?>&2\s*$/.test(part);
      const result = runProgram(words(part.replace(/\s*1?>&2\s*$/, '')), world);
      out += redirected ? '' : result.out;
      err += redirected ? result.out + result.err : result.err;
      code = result.code;
      if (result.exits) return { out, err, code, exits: true };
      if (code !== 0) break;
    }
  }
  return { out, err, code, exits: false };
}

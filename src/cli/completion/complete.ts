/** Answers the shells: a candidate per line, with a tab and what it is; `:files` where the shell knows better. */
import type { Command } from 'commander';
import { defaultAddress, targetOf } from '../remote/target.ts';
import { placeOf, type Candidate, type Place } from './candidates.ts';

/** Nobody waits longer for a completion. */
const askMsMax = 700;
const candidatesMax = 500;

export async function complete(
  program: Command,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const place = placeOf(program, words);
  if (place.lookup === 'files') return ':files\n';
  const looked = (await lookedUp(place, environment)).map(({ value, about }) => ({
    value: place.prefix + value,
    about,
  }));
  const current = words.at(-1) ?? '';
  return [...place.candidates, ...looked]
    .filter(({ value }) => value.startsWith(current))
    .slice(0, candidatesMax)
    .map(({ value, about }) => `${value}\t${about.replaceAll(/\s+/g, ' ')}\n`)
    .join('');
}

async function lookedUp(
  { lookup, given }: Place,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Candidate[]> {
  if (lookup === 'charts') {
    const { charts } = await import('../../../statecharts/index.ts');
    return charts.map(({ name }) => ({ value: name, about: '' }));
  }
  return lookup === 'agents' ? agentNames(given, environment).catch(() => []) : [];
}

/** Names that are clear and that no shell takes for something else; else ids. */
async function agentNames(
  given: Place['given'],
  environment: NodeJS.ProcessEnv,
): Promise<readonly Candidate[]> {
  const tokenFile = given['tokenFile'] ?? environment['KASTOR_TOKEN_FILE'];
  const caFile = given['caFile'] ?? environment['KASTOR_CA_FILE'];
  const target = targetOf(
    {
      kas: given['kas'] ?? environment['KASTOR_KAS'] ?? defaultAddress,
      ...(tokenFile === undefined ? {} : { tokenFile }),
      ...(caFile === undefined ? {} : { caFile }),
    },
    environment,
  );
  // Only now: most completions are done without.
  const [{ KasApi }, { directory }] = await Promise.all([
    import('../remote/kas-api.ts'),
    import('../remote/shapes.ts'),
  ]);
  const api = new KasApi(target, askMsMax);
  try {
    const { agents } = await api.get('/api/agents', directory);
    const counts = new Map<string, number>();
    for (const { name } of agents) counts.set(name, (counts.get(name) ?? 0) + 1);
    return agents.map(({ name, key, condition, project }) => {
      const isClear = counts.get(name) === 1 && isPlainWord(name);
      const about = isPlainWord(project) ? `${condition}, ${project}` : condition;
      return { value: isClear ? name : key, about };
    });
  } finally {
    await api.close();
  }
}

function isPlainWord(text: string): boolean {
  return /^[A-Za-z0-9_./@+-]{1,200}$/.test(text) && !text.startsWith('-');
}

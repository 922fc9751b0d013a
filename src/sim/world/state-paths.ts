/** Where an actor is, taken apart: each state it is in, with those around it. */
const known = new Map<string, ReadonlySet<string>>();

/** `a.(x.y|z)` is to be in `a`, `a.x`, `a.x.y` and `a.z`. */
export function statePathsOf(name: string): ReadonlySet<string> {
  let paths = known.get(name);
  if (paths === undefined) known.set(name, (paths = new Set(walk(name, ''))));
  return paths;
}

function walk(name: string, around: string): string[] {
  const open = name.indexOf('(');
  const straight = (open < 0 ? name : name.slice(0, open)).split('.').filter((word) => word !== '');
  const paths: string[] = [];
  let path = around;
  for (const word of straight) paths.push((path = path === '' ? word : `${path}.${word}`));
  if (open < 0) return paths;
  return [...paths, ...regionsOf(name.slice(open + 1, -1)).flatMap((region) => walk(region, path))];
}

/** Splits at the bars that are in no parentheses of their own. */
function regionsOf(text: string): string[] {
  const regions: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
    else if (text[at] === '|' && depth === 0) {
      regions.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...regions, text.slice(from)];
}

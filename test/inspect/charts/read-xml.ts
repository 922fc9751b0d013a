/** Reads XML strictly: throws on what is not well-formed, on a second root and on an id given twice. */
export interface XmlElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Of this element alone. */
  readonly text: string;
}

const token =
  /<\?xml [^?]*\?>|<(?<end>\/)?(?<tag>[A-Za-z][\w:.-]*)(?<attributes>(?:\s+[\w:.-]+="[^"<]*")*)\s*(?<empty>\/)?>|(?<text>[^<]+)/y;
const reference = /&(?:amp|lt|gt|quot|apos|#\d+);/g;

interface Open {
  readonly tag: string;
  readonly attributes: Record<string, string>;
  readonly children: Open[];
  text: string;
}

export function readXml(source: string): XmlElement {
  const root: Open = { tag: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const ids = new Set<string>();
  token.lastIndex = 0;
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const groups = token.exec(source)?.groups;
    if (token.lastIndex === 0) throw new Error(`not XML at ${at}: ${source.slice(at, at + 60)}`);
    const parent = open.at(-1) ?? root;
    if (groups?.['text'] !== undefined) parent.text += unescaped(groups['text']);
    const tag = groups?.['tag'];
    if (tag === undefined) continue;
    if (groups?.['end'] !== undefined) {
      if (open.pop()?.tag !== tag) throw new Error(`</${tag}> closes something else at ${at}`);
      continue;
    }
    const element: Open = { tag, attributes: {}, children: [], text: '' };
    for (const [, name = '', value = ''] of (groups?.['attributes'] ?? '').matchAll(
      /\s+([\w:.-]+)="([^"]*)"/g,
    )) {
      if (name in element.attributes) throw new Error(`${name} twice in <${tag}>`);
      element.attributes[name] = unescaped(value);
    }
    const id = element.attributes['id'];
    if (id !== undefined && ids.has(`${tag} ${id}`)) throw new Error(`id ${id} twice`);
    ids.add(`${tag} ${id}`);
    parent.children.push(element);
    if (groups?.['empty'] === undefined) open.push(element);
  }
  const [only, ...more] = root.children;
  if (open.length !== 1 || only === undefined || more.length > 0) throw new Error('not one closed root');
  return only;
}

function unescaped(text: string): string {
  if (text.replaceAll(reference, '').includes('&')) throw new Error(`a bare & in ${text}`);
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

export function elementsIn(element: XmlElement): XmlElement[] {
  return [element, ...element.children.flatMap((child) => elementsIn(child))];
}

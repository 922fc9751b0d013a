/** The head of a 101 answer as bytes for a socket that node:http no longer looks after. */

const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Undefined when a name or value could break out of its line. Values are byte strings. */
export function switchingHead(pairs: readonly string[]): Buffer | undefined {
  let head = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    const value = pairs[i + 1] ?? '';
    if (!namePattern.test(name) || !valuePattern.test(value)) return undefined;
    head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}

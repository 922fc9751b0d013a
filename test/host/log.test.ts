import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/host/index.ts';
import type { LogFields, LogLevel } from '../../src/ports/index.ts';

function logTo(level: LogLevel = 'info') {
  const lines: string[] = [];
  const control = createLog({ level, destination: { write: (line: string) => void lines.push(line) } });
  return { ...control, lines };
}

function lineOf(fields: LogFields, level: LogLevel = 'info'): Record<string, unknown> {
  const { log, lines } = logTo(level);
  log.info('text', fields);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('a log line', () => {
  it('begins with level, time and msg, then has the fields in their order', () => {
    const { log, lines } = logTo();
    log.warn('text', { zebra: 1, agent_id: 2 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    const keys = Object.keys(JSON.parse(lines[0] ?? '') as object);
    expect(keys).toEqual(['level', 'time', 'msg', 'zebra', 'agent_id']);
    expect(lines[0]).toMatch(
      /^\{"level":"warn","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d{4})","msg":"text"/,
    );
  });

  it('has each key once, whatever the fields are called', () => {
    const { log, lines } = logTo();
    log.info('text', { msg: 'mine', level: 'mine', time: 'mine' });
    const line = lines[0] ?? '';
    for (const key of ['level', 'time', 'msg']) expect(line.split(`"${key}":`)).toHaveLength(2);
    expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'text' });
  });

  it('keeps the digits of 64-bit numbers', () => {
    const { log, lines } = logTo();
    log.info('text', { agent_id: 2n ** 63n - 1n });
    expect(lines[0]).toContain('"agent_id":9223372036854775807');
  });

  it('shows an error by message and cause, its stack only at debug', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(lineOf({ error })).toMatchObject({ error: 'outer: inner' });
    expect(lineOf({ error })).not.toHaveProperty('stack');
    expect(lineOf({ error }, 'debug')['stack']).toContain('Error: outer');
  });

  it('drops what is undefined and keeps null, lists and texts that need escapes', () => {
    const line = lineOf({ a: undefined, b: null, c: ['x', 'y'], d: 'quote " and\nline', e: true });
    expect(line).toEqual(
      expect.objectContaining({ b: null, c: ['x', 'y'], d: 'quote " and\nline', e: true }),
    );
    expect(line).not.toHaveProperty('a');
  });

  it('never throws, also for what the types forbid', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const { log } = logTo();
    const hostile = { circular, symbol: Symbol('s'), fn: () => 1 } as unknown as LogFields;
    expect(() => log.info('text', hostile)).not.toThrow();
  });
});

describe('levels', () => {
  it('leave out what is below', () => {
    const { log, lines } = logTo('warn');
    log.debug('d');
    log.info('i');
    log.warn('w');
    log.error('e');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['w', 'e']);
  });

  it('can be changed for a log and its children', () => {
    const { log, lines, setLevel } = logTo('info');
    const child = log.child({ mod_name: 'm' });
    setLevel('debug');
    child.debug('now');
    setLevel('error');
    child.info('not');
    expect(lines).toHaveLength(1);
  });
});

it('a child adds its fields to each line, its own over inherited ones', () => {
  const { log, lines } = logTo();
  log.child({ mod_name: 'a', x: 1 }).child({ x: 2 }).info('text', { y: 3 });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ mod_name: 'a', x: 2, y: 3 });
});

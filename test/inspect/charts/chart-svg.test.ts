/** Pictures as text: well-formed whatever a chart says, complete by themselves, and able to show a running actor. */
import { createMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { bestLayout } from '../../../scripts/charts/fit.ts';
import { chartDrawing, chartGraphOf, chartSvg } from '../../../src/inspect/index.ts';
import { charts } from '../../../statecharts/index.ts';
import { elementsIn, readXml } from './read-xml.ts';

function drawingOf(name: string) {
  const drawing = chartDrawing(name);
  if (drawing === undefined) throw new Error(`no drawing of ${name}`);
  return drawing;
}

const classed = (svg: string, name: string) =>
  elementsIn(readXml(svg)).filter(({ attributes }) => attributes['class']?.split(' ').includes(name));

describe.each(charts)('the picture of $name', ({ name }) => {
  it('is well-formed, names every state and needs nothing from elsewhere', () => {
    const { graph, lifted } = drawingOf(name);
    const svg = chartSvg(graph, lifted, { standalone: true });
    const drawn = elementsIn(readXml(svg)).flatMap(({ attributes }) => attributes['data-state'] ?? []);
    expect(drawn).toEqual(lifted.states.map(({ id }) => id));
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
      /https?:|url\((?!#)|<script|href/,
    );
  });
});

describe('a picture', () => {
  it('keeps names of charts out of its markup', async () => {
    const hostile = `x"'></text><script>alert(1)</script>&\u0007`;
    const graph = chartGraphOf(
      createMachine({
        id: hostile,
        description: hostile,
        initial: hostile,
        states: {
          [hostile]: {
            description: hostile,
            meta: { owner: hostile },
            tags: [hostile],
            on: { [hostile]: { guard: hostile, target: 'b' } },
          },
          b: {},
        },
      }),
    );
    const svg = chartSvg(graph, await bestLayout(graph, 'full'), { standalone: true });
    const elements = elementsIn(readXml(svg));
    expect(elements.map(({ tag }) => tag)).not.toContain('script');
    expect(elements.some(({ text }) => text.includes('<script>alert(1)</script>&'))).toBe(true);
    expect(svg).not.toContain('\u0007');
  });

  it('shows where an actor is and what it can do next', () => {
    const { graph, lifted } = drawingOf('request');
    const svg = chartSvg(graph, lifted, { active: new Set(['request', 'request.waiting']) });
    expect(classed(svg, 'active').map(({ attributes }) => attributes['data-state'])).toEqual([
      'request.waiting',
    ]);
    const next = classed(svg, 'next').flatMap(({ attributes }) => attributes['data-edge'] ?? []);
    expect(new Set(next)).toEqual(
      new Set([
        'request.waiting->request.forwarding',
        'request.waiting->request.unreachable',
        'request.waiting->request.timedOut',
        'request:any->request.abandoned',
      ]),
    );
    expect(classed(chartSvg(graph, lifted), 'active')).toEqual([]);
  });

  it('does not take an edge from elsewhere in a composite for one the actor can take', () => {
    const { graph, lifted } = drawingOf('agent-connection');
    const around = ['agentConnection', 'agentConnection.live', 'agentConnection.live.keepalive'];
    const nextIn = (state: string) =>
      classed(
        chartSvg(graph, lifted, { active: new Set([...around, `agentConnection.live.keepalive.${state}`]) }),
        'next',
      ).map(({ attributes }) => attributes['data-edge']);
    expect(nextIn('probing')).toContain('agentConnection.live->agentConnection.stale');
    expect(nextIn('quiet')).not.toContain('agentConnection.live->agentConnection.stale');
  });

  it('tells the tone of each state, and none of an end', () => {
    const { graph, lifted } = drawingOf('request');
    const tones = Object.fromEntries(
      classed(chartSvg(graph, lifted), 'state').map(({ attributes }) => [
        attributes['data-state'],
        /tone-\w+/.exec(attributes['class'] ?? '')?.[0],
      ]),
    );
    expect(tones).toMatchObject({
      'request.authorizing': 'tone-transient',
      'request.waiting': 'tone-degraded',
      'request.forwarding': 'tone-healthy',
      'request.done': 'tone-plain',
    });
  });

  it('has a theme only if told', () => {
    const { graph, lifted } = drawingOf('kas');
    const rootClass = (theme?: 'light' | 'dark') =>
      readXml(chartSvg(graph, lifted, theme === undefined ? {} : { theme })).attributes['class'];
    expect([rootClass(), rootClass('dark'), rootClass('light')]).toEqual([
      'chart',
      'chart dark',
      'chart light',
    ]);
  });
});

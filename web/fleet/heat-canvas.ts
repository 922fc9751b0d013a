/**
 * The heat map: one cell per agent on one canvas. Places are stable, so that a reader learns them; healthy cells are pale,
 * others have a strong colour and a glyph. The size of cells is the largest with which all groups fit.
 */
import { changedAt, type Agent } from '../live/fleet.ts';
import { paintOf, theme, type Paint } from '../look.ts';
import type { Group } from './groups.ts';

export interface Cell {
  readonly agent: Agent;
  readonly x: number;
  readonly y: number;
}

const sizes = [26, 22, 18, 15, 13, 12, 11, 10, 9, 8, 7, 6, 5] as const;
const headHeight = 22;
const groupGap = 10;
const ringMs = 1_200;
const fadeMs = 100;

export class HeatCanvas {
  cells: readonly Cell[] = [];
  size = 15;
  columns = 1;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #heads: readonly { readonly y: number; readonly group: Group }[] = [];
  #height = 0;
  #fading = 0;
  #focused: number | undefined;
  /** Places in `cells`. */
  #places = new Map<number, number>();
  readonly #ringed = new Set<number>();
  #isShown: (agent: Agent) => boolean = () => true;
  /** What the picture on the canvas was drawn with. */
  #drawn = '';
  #colours = { ink: '', accent: '', muted: '' };

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('this browser has no canvas');
    this.#canvas = canvas;
    this.#context = context;
  }

  get pitch(): number {
    return this.size + Math.max(2, Math.round(this.size / 6));
  }

  /** Draws what differs from what is there; everything when places, size, theme or filter are others. */
  draw(groups: readonly Group[], width: number, heightMax: number, isShown: (agent: Agent) => boolean): void {
    const before = this.cells;
    this.#place(groups, width, heightMax);
    const ratio = devicePixelRatio || 1;
    const heads = groups.map(({ name, agents }) => `${name} ${agents.length}`).join('\n');
    const drawn = [theme.value, width, this.#height, this.size, ratio, heads].join('\n');
    const isWhole =
      drawn !== this.#drawn ||
      isShown !== this.#isShown ||
      this.cells.some(({ agent }, at) => before[at]?.agent.index !== agent.index);
    this.#isShown = isShown;
    if (isWhole) this.#drawAll(drawn, width, ratio);
    else {
      this.cells.forEach((cell, at) => {
        if (before[at]?.agent.code !== cell.agent.code) this.#drawCell(cell);
      });
    }
    this.#fade();
  }

  #drawAll(drawn: string, width: number, ratio: number): void {
    this.#drawn = drawn;
    this.#places = new Map(this.cells.map(({ agent }, place) => [agent.index, place]));
    this.#ringed.clear();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name);
    this.#colours = { ink: colour('--ink'), accent: colour('--accent'), muted: colour('--muted') };
    const canvas = this.#canvas;
    canvas.width = width * ratio;
    canvas.height = this.#height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${this.#height}px`;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawHeads();
    for (const cell of this.cells) this.#drawCell(cell);
  }

  /** Rings around what has just changed, until they are gone. */
  #fade(): void {
    clearTimeout(this.#fading);
    for (const index of changedAt.keys()) this.#ringed.add(index);
    for (const index of this.#ringed) if (!this.#redraw(index)) this.#ringed.delete(index);
    if (this.#ringed.size > 0) this.#fading = window.setTimeout(() => this.#fade(), fadeMs);
  }

  get focused(): number | undefined {
    return this.#focused;
  }

  focus(index: number): void {
    const before = this.#focused;
    this.#focused = index;
    if (before !== undefined) this.#redraw(before);
    this.#redraw(index);
  }

  /** True while it has a ring that fades. */
  #redraw(index: number): boolean {
    const cell = this.cells[this.#places.get(index) ?? -1];
    return cell !== undefined && this.#drawCell(cell);
  }

  stop(): void {
    clearTimeout(this.#fading);
  }

  at(x: number, y: number): Cell | undefined {
    const { pitch } = this;
    return this.cells.find((cell) => x >= cell.x && x < cell.x + pitch && y >= cell.y && y < cell.y + pitch);
  }

  #place(groups: readonly Group[], width: number, heightMax: number): void {
    const columnsOf = (size: number) => {
      this.size = size;
      return Math.max(1, Math.floor(width / this.pitch));
    };
    const heightOf = (size: number) => {
      const columns = columnsOf(size);
      const rows = groups.reduce((sum, { agents }) => sum + Math.ceil(agents.length / columns), 0);
      return groups.length * (headHeight + groupGap) + rows * this.pitch;
    };
    // On a phone the page scrolls: fingers need room.
    const least = width < 600 ? 13 : 5;
    const size = sizes.find((one) => one <= least || heightOf(one) <= heightMax) ?? least;
    this.columns = columnsOf(size);
    const cells: Cell[] = [];
    let y = 0;
    this.#heads = groups.map((group) => {
      const head = { y, group };
      y += headHeight;
      group.agents.forEach((agent, at) => {
        const [column, line] = [at % this.columns, Math.floor(at / this.columns)];
        cells.push({ agent, x: column * this.pitch + 1, y: y + line * this.pitch + 1 });
      });
      y += Math.ceil(group.agents.length / this.columns) * this.pitch + groupGap;
      return head;
    });
    this.cells = cells;
    this.#height = Math.max(y, 1);
  }

  #drawHeads(): void {
    const context = this.#context;
    const { fontFamily } = getComputedStyle(document.body);
    for (const { y, group } of this.#heads) {
      context.font = `600 12px ${fontFamily}`;
      context.fillStyle = this.#colours.ink;
      context.fillText(group.name, 1, y + 14);
      const after = context.measureText(group.name).width + 9;
      context.font = `400 11.5px ${fontFamily}`;
      context.fillStyle = this.#colours.muted;
      context.fillText(group.agents.length.toLocaleString('en'), after, y + 14);
    }
  }

  /** True while its ring fades. */
  #drawCell({ agent, x, y }: Cell): boolean {
    const context = this.#context;
    const isShown = this.#isShown(agent);
    const { size } = this;
    const paint = paintOf(agent.code);
    context.clearRect(x - 2, y - 2, size + 4, size + 4);
    context.globalAlpha = isShown ? 1 : 0.12;
    this.#box(x, y, size);
    if (paint.glyph === 'hollow') {
      context.strokeStyle = paint.fill;
      context.lineWidth = 1.2;
      context.stroke();
    } else {
      context.fillStyle = paint.fill;
      context.fill();
    }
    if (size >= 7) this.#glyph(paint, x, y);
    const changed = changedAt.get(agent.index);
    const strength = changed === undefined || !isShown ? 0 : 1 - (performance.now() - changed) / ringMs;
    if (strength > 0) this.#ring(x, y, strength, this.#colours.ink);
    if (this.#focused === agent.index) this.#ring(x, y, 1, this.#colours.accent);
    context.globalAlpha = 1;
    return strength > 0;
  }

  #glyph({ glyph, ink }: Paint, x: number, y: number): void {
    if (glyph === 'none' || glyph === 'hollow') return;
    const context = this.#context;
    const { size } = this;
    const [middle, edge] = [size / 2, size * 0.28];
    context.strokeStyle = ink;
    context.fillStyle = ink;
    context.lineWidth = Math.max(1.2, size / 8.5);
    context.beginPath();
    if (glyph === 'dot') context.arc(x + middle, y + middle, size * 0.16, 0, 7);
    else if (glyph === 'ring') context.arc(x + middle, y + middle, size * 0.24, 0, 7);
    else if (glyph === 'bar') {
      context.moveTo(x + edge, y + middle);
      context.lineTo(x + size - edge, y + middle);
    } else {
      context.moveTo(x + edge, y + size - edge);
      context.lineTo(x + size - edge, y + edge);
      if (glyph === 'cross') {
        context.moveTo(x + edge, y + edge);
        context.lineTo(x + size - edge, y + size - edge);
      }
    }
    if (glyph === 'dot') context.fill();
    else context.stroke();
  }

  #ring(x: number, y: number, strength: number, colour: string): void {
    const context = this.#context;
    context.globalAlpha = strength;
    context.strokeStyle = colour;
    context.lineWidth = 2;
    this.#box(x - 0.5, y - 0.5, this.size + 1);
    context.stroke();
  }

  #box(x: number, y: number, size: number): void {
    this.#context.beginPath();
    this.#context.roundRect(x, y, size, size, size > 8 ? Math.min(5, size / 5) : 1);
  }
}

/**
 * The heat map: one cell per agent on one canvas. Places are stable, so that a reader learns them; healthy cells are pale,
 * others have a strong colour and a glyph. The size of cells is the largest with which all groups fit.
 */
import { changedAt, type Agent } from '../live/fleet.ts';
import { paintOf, type Paint } from '../look.ts';
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

export class HeatCanvas {
  cells: readonly Cell[] = [];
  size = 15;
  columns = 1;
  focused: number | undefined;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #heads: readonly { readonly y: number; readonly group: Group }[] = [];
  #height = 0;
  #fading = 0;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('this browser has no canvas');
    this.#canvas = canvas;
    this.#context = context;
  }

  get pitch(): number {
    return this.size + Math.max(2, Math.round(this.size / 6));
  }

  draw(groups: readonly Group[], width: number, heightMax: number, isShown: (agent: Agent) => boolean): void {
    this.#place(groups, width, heightMax);
    const ratio = devicePixelRatio || 1;
    const canvas = this.#canvas;
    canvas.width = width * ratio;
    canvas.height = this.#height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${this.#height}px`;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawHeads();
    const paint = () => {
      let fading = false;
      for (const cell of this.cells) fading = this.#drawCell(cell, isShown(cell.agent)) || fading;
      clearTimeout(this.#fading);
      if (fading) this.#fading = window.setTimeout(paint, 80);
    };
    paint();
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
    const style = getComputedStyle(document.documentElement);
    for (const { y, group } of this.#heads) {
      context.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
      context.fillStyle = style.getPropertyValue('--ink');
      context.fillText(group.name, 1, y + 14);
      const after = context.measureText(group.name).width + 9;
      context.font = `400 11.5px ${getComputedStyle(document.body).fontFamily}`;
      context.fillStyle = style.getPropertyValue('--muted');
      context.fillText(group.agents.length.toLocaleString('en'), after, y + 14);
    }
  }

  /** True while its ring fades. */
  #drawCell({ agent, x, y }: Cell, isShown: boolean): boolean {
    const context = this.#context;
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
    if (strength > 0) this.#ring(x, y, strength, '--ink');
    if (this.focused === agent.index) this.#ring(x, y, 1, '--accent');
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
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue(colour);
    context.lineWidth = 2;
    this.#box(x - 0.5, y - 0.5, this.size + 1);
    context.stroke();
  }

  #box(x: number, y: number, size: number): void {
    this.#context.beginPath();
    this.#context.roundRect(x, y, size, size, size > 8 ? Math.min(5, size / 5) : 1);
  }
}

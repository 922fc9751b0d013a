/**
 * A view of a chart with a place for everything: what the layout makes (`scripts/charts/layout.ts`, at build time) and what
 * is drawn from. Numbers are CSS pixels from the upper left corner of the picture. Widths of texts are part of it, so that
 * whoever draws fits the text into the box the layout made for it, whatever the font.
 */
import type { ChartView } from './chart-view.ts';
import type { TransitionKind } from './machine-walk.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PlacedChart {
  readonly view: ChartView;
  readonly width: number;
  readonly height: number;
  /** Outer ones first; the machine itself is the picture. */
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
  /** The dots at which composites begin, and the way from there. */
  readonly starts: readonly PlacedStart[];
  /** Boxes called `any state`. */
  readonly anywhere: readonly (Box & { readonly of: string })[];
}

export interface PlacedState extends Box {
  readonly id: string;
  readonly nameWidth: number;
  readonly lines: readonly StateLine[];
}

export interface StateLine {
  readonly kind: 'owner' | 'invoke' | 'entry' | 'exit';
  readonly text: string;
  readonly width: number;
}

export interface PlacedStart extends Point {
  readonly of: string;
  readonly points: readonly Point[];
}

export interface PlacedEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** Ids of the edges of the graph it stands for. */
  readonly of: readonly string[];
  readonly points: readonly Point[];
  readonly label: Box & { readonly lines: readonly LabelLine[] };
}

/** One transition in the label of an edge. */
export interface LabelLine {
  readonly kind: TransitionKind;
  readonly parts: readonly LabelPart[];
}

export interface LabelPart {
  readonly role: 'cause' | 'guard' | 'place' | 'actions';
  readonly text: string;
  /** From the left of the label. */
  readonly x: number;
  readonly width: number;
}

/** Sizes that the layout and whoever draws agree on. */
export const chartSizes = {
  lineHeight: 15,
  namePx: 13,
  statePx: 10.5,
  labelPx: 11,
  labelDetailPx: 10.5,
  stateHeight: 30,
  /** Height of the part of a box above its lines. */
  headHeight: 26,
  /** From the left of a box to its name, and to its lines. */
  nameX: 20,
  lineX: 26,
  labelPadding: 7,
  iconWidth: 14,
  startRadius: 4.5,
} as const;

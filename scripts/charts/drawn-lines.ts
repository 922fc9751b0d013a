// What is written in the boxes and labels of a view, and how wide it is.
import {
  type ChartState,
  type ChartView,
  chartSizes,
  type LabelLine,
  type LabelPart,
  type StateLine,
  type ViewEdge,
  type ViewTransition,
} from '../../src/inspect/index.ts';
import { textWidth } from './text-width.ts';

/** Longer lists are broken. */
const lineCharsMax = 34;
const partGap = 5;

export function stateLinesOf(state: ChartState, view: ChartView): StateLine[] {
  const lines: StateLine[] = [];
  const write = (kind: StateLine['kind'], texts: readonly string[]) => {
    for (const text of broken(texts)) {
      lines.push({ kind, text, width: textWidth(text, chartSizes.statePx) });
    }
  };
  if (state.owner !== undefined) write('owner', [state.owner]);
  write(
    'invoke',
    state.invokes.map(({ src }) => src),
  );
  if (view === 'full') {
    write('entry', state.entry);
    write('exit', state.exit);
  }
  return lines;
}

/** Joins with commas what fits on a line. */
function broken(texts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const text of texts) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(text);
    else if (last.length + text.length + 2 <= lineCharsMax) lines[lines.length - 1] = `${last}, ${text}`;
    else {
      lines[lines.length - 1] = `${last},`;
      lines.push(text);
    }
  }
  return lines;
}

export interface Label {
  readonly lines: readonly LabelLine[];
  readonly width: number;
  readonly height: number;
}

export function labelOf({ transitions }: ViewEdge, view: ChartView): Label {
  const lines = new Map<string, LabelLine>();
  for (const transition of transitions) {
    const line = labelLine(transition, view);
    lines.set(JSON.stringify(line), line); // the same from several places is said once
  }
  const all = [...lines.values()];
  const ends = all.flatMap(({ parts }) => parts.map(({ x, width }) => x + width));
  return {
    lines: all,
    width: Math.ceil(Math.max(...ends)) + chartSizes.labelPadding,
    height: all.length * chartSizes.lineHeight + 5,
  };
}

function labelLine(transition: ViewTransition, view: ChartView): LabelLine {
  const parts: LabelPart[] = [];
  let x = chartSizes.labelPadding + (transition.kind === 'event' ? 0 : chartSizes.iconWidth);
  const write = (role: LabelPart['role'], text: string) => {
    const [px, weight] =
      role === 'cause'
        ? ([chartSizes.labelPx, 'medium'] as const)
        : ([chartSizes.labelDetailPx, 'regular'] as const);
    const width = textWidth(text, px, weight);
    parts.push({ role, text, x, width });
    x += width + partGap;
  };
  write('cause', causeText(transition));
  if (transition.guard !== undefined) write('guard', `[${transition.guard}]`);
  const { from, to, actions } = transition;
  if (from !== undefined) write('place', `in ${from}`);
  if (to !== undefined) write('place', `to ${to}`);
  if (view === 'full' && actions.length > 0) write('actions', `/ ${actions.join(', ')}`);
  return { kind: transition.kind, parts };
}

function causeText({ kind, text }: ViewTransition): string {
  if (kind === 'always') return 'at once';
  if (kind === 'done') return text === '' ? 'all done' : text;
  return text;
}

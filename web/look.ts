/** How the seven conditions of an agent look: a name, a colour that stays apart for every kind of sight, and a glyph. */
import { signal } from '@preact/signals';
import { agentConditions, type AgentCondition } from '../src/kas/dashboard/wire.ts';

export type Glyph = 'none' | 'dot' | 'ring' | 'slash' | 'cross' | 'bar' | 'hollow';

interface Look {
  readonly label: string;
  readonly glyph: Glyph;
  readonly light: readonly [fill: string, ink: string];
  readonly dark: readonly [fill: string, ink: string];
}

const looks: Readonly<Record<AgentCondition, Look>> = {
  online: { label: 'Online', glyph: 'none', light: ['#b7dccd', ''], dark: ['#1f5a49', ''] },
  degraded: { label: 'Degraded', glyph: 'dot', light: ['#f2b134', '#5b3a00'], dark: ['#f0b040', '#3a2600'] },
  connecting: { label: 'Connecting', glyph: 'ring', light: ['#3f87dd', '#fff'], dark: ['#3b7fd4', '#fff'] },
  disconnected: {
    label: 'Disconnected',
    glyph: 'slash',
    light: ['#cf4527', '#fff'],
    dark: ['#ff7556', '#3d0d02'],
  },
  refused: { label: 'Refused', glyph: 'cross', light: ['#6a2c86', '#fff'], dark: ['#ecd3ff', '#4a1378'] },
  draining: { label: 'Draining', glyph: 'bar', light: ['#8794a3', '#fff'], dark: ['#7c8998', '#10161d'] },
  left: { label: 'Left', glyph: 'hollow', light: ['#8794a3', ''], dark: ['#6b7887', ''] },
};

export type Theme = 'light' | 'dark';

const themeKey = 'kastor-theme';

function firstTheme(): Theme {
  const asked = new URLSearchParams(location.search).get('theme') ?? localStorage.getItem(themeKey);
  if (asked === 'light' || asked === 'dark') return asked;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export const theme = signal<Theme>(firstTheme());
theme.subscribe((now) => {
  document.documentElement.dataset['theme'] = now;
});

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(themeKey, theme.value);
}

export interface Paint {
  readonly fill: string;
  readonly ink: string;
  readonly glyph: Glyph;
}

/** By code. */
export function paintOf(code: number): Paint {
  const look = looks[agentConditions[code] ?? 'left'];
  const [fill, ink] = look[theme.value];
  return { fill, ink, glyph: look.glyph };
}

export function labelOf(condition: AgentCondition | undefined): string {
  return looks[condition ?? 'left'].label;
}

export const codeOf = (condition: AgentCondition) => agentConditions.indexOf(condition);

/** Neither here nor on the way by plan. */
export const isDown = (code: number) => code === codeOf('disconnected') || code === codeOf('refused');

/** The small sign of a condition: the same shapes as in the heat map. */
import { paintOf } from './look.ts';

export function ConditionGlyph({ code }: { readonly code: number }) {
  const { fill, ink, glyph } = paintOf(code);
  const stroke = { stroke: ink, 'stroke-width': 1.6, fill: 'none', 'stroke-linecap': 'round' as const };
  return (
    <svg width="13" height="13" viewBox="0 0 12 12" class="glyph" aria-hidden="true">
      {glyph === 'hollow' ? (
        <rect x="1" y="1" width="10" height="10" rx="2.5" fill="none" stroke={fill} />
      ) : (
        <rect x=".5" y=".5" width="11" height="11" rx="2.5" fill={fill} />
      )}
      {glyph === 'dot' && <circle cx="6" cy="6" r="2" fill={ink} />}
      {glyph === 'ring' && <circle cx="6" cy="6" r="2.8" {...stroke} />}
      {glyph === 'slash' && <path d="M3.4 8.6 8.6 3.4" {...stroke} />}
      {glyph === 'cross' && <path d="M3.4 3.4 8.6 8.6M8.6 3.4 3.4 8.6" {...stroke} />}
      {glyph === 'bar' && <path d="M3.4 6h5.2" {...stroke} />}
    </svg>
  );
}

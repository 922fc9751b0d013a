import fc from 'fast-check';
import { expect, test } from 'vitest';
import { harmlessText } from '../../src/protocol/index.ts';

test('keeps usual text as it is', () => {
  expect(harmlessText('admission webhook "a" denied: größer als 5 — nein', 100)).toBe(
    'admission webhook "a" denied: größer als 5 — nein',
  );
});

test('takes away what could forge lines, colours or the direction of text', () => {
  expect(harmlessText('a\r\n{"level":"error"}\u001b[2J\u202Eb\u2028c\uD800d', 100)).toBe(
    'a {"level":"error"} [2J b c d',
  );
});

test('cuts between characters and shows it', () => {
  expect(harmlessText('ääää', 8)).toBe('ääää');
  expect(harmlessText('äääää', 8)).toBe('ää…');
  expect(harmlessText('x'.repeat(1_000_000), 5)).toBe('xx…');
});

test('is never longer than allowed and never harmful', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.integer({ min: 3, max: 50 }),
      (text, max) => {
        const shown = harmlessText(text, max);
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(max);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\u2028-\u202e]/u);
        expect(harmlessText(shown, max)).toBe(shown);
      },
    ),
  );
});

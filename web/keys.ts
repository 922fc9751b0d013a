/** Keys of a page, while it is shown; never while somebody types. */
import { useEffect } from 'preact/hooks';

export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== 'Escape')) return;
      const act = keys[event.key];
      if (act === undefined) return;
      event.preventDefault();
      if (typing && event.target instanceof HTMLElement) event.target.blur();
      act();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });
}

export function focusSearch(): void {
  document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
}

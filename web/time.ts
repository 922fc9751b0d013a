/** Time as people read it, by the clock of kas: that of the reader's machine may be wrong. */
import { computed, signal } from '@preact/signals';

const local = signal(Date.now());
setInterval(() => {
  local.value = Date.now();
}, 500);

/** How far this machine's clock is behind that of kas. */
const offset = signal(0);

export function setKasTime(at: number): void {
  const found = at - Date.now();
  // What the network takes is not worth a jump.
  if (Math.abs(found - offset.value) > 750) offset.value = found;
}

export const now = computed(() => local.value + offset.value);

export function ago(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function clockText(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

export function milliseconds(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${Number((ms / 1_000).toFixed(1))} s` : ago(ms);
}

export const number = (n: number) => n.toLocaleString('en');

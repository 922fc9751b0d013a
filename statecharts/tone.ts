/**
 * How a state is to be taken by whoever looks: the one word an operator, a picture or the dashboard needs. It is a tag of
 * the chart, so that severity is the machine's own knowledge and no table beside it can be wrong.
 *
 * Every state that is not final has exactly one, its own or that of a state around it.
 *
 * - `healthy`: does what it is for, or rests with nothing wrong.
 * - `transient`: on its way: starting, dialling, draining by plan. Leaves by itself soon.
 * - `degraded`: goes on with less: something failed and what was there before still serves, or there is too much to do.
 * - `down`: does not do what it is for, because something failed.
 */
export const tones = ['down', 'degraded', 'transient', 'healthy'] as const;
export type Tone = (typeof tones)[number];

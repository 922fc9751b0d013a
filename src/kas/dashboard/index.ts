/** The dashboard of kas: live API, pages, and who may read them. */
export { Dashboard } from './dashboard.ts';
export { liveFeedName } from './live-feed.actor.ts';
export { dashboardLimits } from './limits.ts';
export type { PollerSources } from './pollers-view.ts';
export { supervisorTree } from './supervisors-view.ts';

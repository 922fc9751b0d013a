/** Reports of agents about their manifest projects: kept, counted, logged, shown. */
export { SyncReports } from './sync-reports.ts';

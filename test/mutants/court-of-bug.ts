/**
 * Asks one judge about one bug, in a process of its own: vitest keeps what it has read for as long as its process lives.
 *
 *   node test/mutants/court-of-bug.ts 'ID OF THE BUG' INDEX_OF_THE_JUDGE
 *
 * and says on its last line which test failed.
 */
import { Courtroom } from './courtroom.ts';
import { namedBugs } from './named-bugs.ts';

const [id = '', index = '0'] = process.argv.slice(2);
const bug = namedBugs.find((one) => one.id === id);
const judge = bug?.judges[Number(index)];
if (bug === undefined || judge === undefined) throw new Error(`there is no judge ${index} of ${id}`);
const court = await Courtroom.open(bug);
const by = await court.ask(judge);
await court.close();
process.stdout.write(`${JSON.stringify({ by })}\n`, () => process.exit());

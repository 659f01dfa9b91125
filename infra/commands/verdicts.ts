/** The verdict on each promise, from what a check found. */
import type { AuditResult, AuditTotals } from '../audit.ts';
import { plural } from '../terminal.ts';
import type { Findings } from './lake-check.ts';

/** unverifiable: what was given to check is not enough to tell. */
export type Verdict = 'kept' | 'broken' | 'unverifiable';

export interface PromiseReport {
  readonly promise: 1 | 2 | 3;
  readonly says: string;
  readonly verdict: Verdict;
  /** What the verdict rests on. */
  readonly detail: string;
}

export function verdicts(findings: Findings, { totals }: AuditResult): PromiseReport[] {
  return [whole(findings), placed(findings), complete(findings, totals)];
}

function whole({ tables, broken }: Findings): PromiseReport {
  const objects = Object.values(tables).reduce((sum, table) => sum + table.objects, 0) + broken[1];
  return {
    promise: 1,
    says: 'every object is one container file that reads',
    verdict: broken[1] === 0 ? 'kept' : 'broken',
    detail: broken[1] === 0 ? plural(objects, 'object') : `${broken[1]} of ${plural(objects, 'object')} broken`,
  };
}

function placed({ tables, broken, unplaced }: Findings): PromiseReport {
  const says = 'every row lies in the partition of its own timestamp_ms';
  if (broken[2] > 0) {
    return { promise: 2, says, verdict: 'broken', detail: `${plural(broken[2], 'object')} with rows elsewhere` };
  }
  if (unplaced > 0) {
    const detail = `the path of ${plural(unplaced, 'object')} does not tell the partition`;
    return { promise: 2, says, verdict: 'unverifiable', detail };
  }
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  return { promise: 2, says, verdict: 'kept', detail: plural(rows, 'row') };
}

function complete({ scope }: Findings, totals: AuditTotals): PromiseReport {
  const says = 'no row is lost';
  if (scope.incomplete !== null) return { promise: 3, says, verdict: 'unverifiable', detail: scope.incomplete };
  const faults = [
    totals.lost > 0 && `${plural(totals.lost, 'row')} lost`,
    totals.unannounced > 0 && `${plural(totals.unannounced, 'row')} beyond what the session announced`,
    totals.unnumbered > 0 && `${plural(totals.unnumbered, 'row')} without session or seq`,
  ].filter((fault) => fault !== false);
  const unknown = [
    totals.open > 0 && neverStopped(totals),
    totals.unaccounted > 0 && `${plural(totals.unaccounted, 'symbol')} named at a start and not accounted for`,
  ].filter((each) => each !== false);
  const notes = [
    plural(totals.sessions, 'session'),
    totals.running > 0 && `${totals.running} running`,
    totals.killed > 0 && killedAndNamed(totals),
    totals.duplicates > 0 && `${plural(totals.duplicates, 'duplicate')}`,
    totals.excused > 0 && `${plural(totals.excused, 'row')} refused and named`,
    totals.inFlight > 0 && `${plural(totals.inFlight, 'row')} in flight`,
  ].filter((note) => note !== false);
  const verdict = faults.length > 0 ? 'broken' : unknown.length > 0 ? 'unverifiable' : 'kept';
  const found = [...faults, ...notes].join(', ');
  const detail = (verdict === 'broken' ? [found, ...unknown] : [...unknown, found]).join('; ');
  return { promise: 3, says, verdict, detail };
}

function killedAndNamed({ killed, caught }: AuditTotals): string {
  const who = `${killed} killed, ${killed === 1 ? 'its end' : 'their ends'} named by gaps`;
  return caught === 0 ? who : `${who} (with ${plural(caught, 'row')} that a tally announced)`;
}

function neverStopped({ open, unproved }: AuditTotals): string {
  const who = `${plural(open, 'session')} never stopped: nothing proves ${open === 1 ? 'its' : 'their'} last rows`;
  return unproved === 0 ? who : `${who}, of which ${unproved} that a tally announced are not there`;
}

/** A check's report as lines for people and as JSON. */
import { TABLE_NAMES } from '../../producer/record.ts';
import type { CounterAudit, SessionAudit } from '../audit.ts';
import type { Range } from '../ledger.ts';
import { formatBytes, formatCount, formatTable, type Paint, plural } from '../terminal.ts';
import { GAP_TITLES, gapCells, gapSummary } from './gap-report.ts';
import type { CheckReport } from './lake-check.ts';
import type { Verdict } from './verdicts.ts';

/** The JSON holds everything; a reader of lines gets this many of each list. */
const SHOWN = 20;

export function reportJson(report: CheckReport): object {
  const { folder, tables, failed, problems, broken, audit, gaps, promises } = report;
  return {
    folder,
    ok: promises.every(({ verdict }) => verdict !== 'broken'),
    promises,
    tables,
    errors: failed,
    broken: { objects: broken[1], misplaced: broken[2], files: problems },
    totals: audit.totals,
    sessions: audit.sessions,
    gaps,
  };
}

export function* reportLines(report: CheckReport, paint: Paint): Generator<string> {
  const { tables, failed, problems, broken, audit, gaps, promises, scope } = report;
  const volumes = TABLE_NAMES.filter((table) => tables[table].objects > 0).map((table) => {
    const { objects, rows, bytes } = tables[table];
    return [table, formatCount(objects), formatCount(rows), formatBytes(bytes)];
  });
  if (volumes.length > 0) yield* headed(['table', 'objects', 'rows', 'bytes'], volumes, paint);
  if (audit.sessions.length > 0) {
    const sessions = audit.sessions.slice(0, SHOWN).map(sessionCells);
    yield '';
    yield* headed(['session', 'venue', 'state', 'symbols', 'rows', 'events', 'duplicates', 'missing'], sessions, paint);
    yield* rest(audit.sessions.length, 'session');
  }
  if (gaps !== null && gaps.symbols.length > 0) {
    yield '';
    yield* headed(GAP_TITLES, gapCells(gaps).slice(0, SHOWN), paint);
    yield* rest(gaps.symbols.length, 'symbol');
    yield gapSummary(gaps);
  }
  const holes = audit.sessions.flatMap(({ sessionId, events, symbols }) =>
    [events, ...symbols].filter(isImperfect).map((counter) => counterLine(sessionId, counter)),
  );
  const unknown = audit.sessions.flatMap(unknownLines);
  const verified = scope.incomplete === null;
  yield* section(verified ? 'incomplete' : 'not here', holes, holes.length, verified ? paint.red : paint.yellow);
  if (verified) yield* section('unknown', unknown, unknown.length, paint.yellow);
  yield* section(
    'broken',
    problems.map(({ file, reason }) => `${file}: ${reason}`),
    broken[1] + broken[2],
    paint.red,
  );
  if (failed.objects > 0) {
    const held = `${plural(failed.objects, 'object')} with ${plural(failed.records, 'record')}`;
    yield '';
    yield `errors/ holds ${held} that could not be transformed; their rows are missing until recovered (see \`depthlake inspect\`)`;
  }
  yield '';
  for (const { promise, says, verdict, detail } of promises) {
    yield `promise ${promise}  ${painted(verdict, paint)}  ${says}: ${detail}`;
  }
}

function* headed(titles: readonly string[], rows: readonly string[][], paint: Paint): Generator<string> {
  const [head, ...body] = formatTable([titles, ...rows]);
  yield paint.bold(head!);
  yield* body;
}

function sessionCells(session: SessionAudit): string[] {
  const { sessionId, events, symbols } = session;
  const sum = (of: (counter: CounterAudit) => number): number => symbols.reduce((total, each) => total + of(each), 0);
  return [
    sessionId,
    events.venue,
    stateOf(session),
    formatCount(symbols.length),
    formatCount(sum(({ rows }) => rows)),
    formatCount(events.rows),
    formatCount(sum(({ duplicates }) => duplicates) + events.duplicates),
    formatCount(sum(({ lost }) => lost) + events.lost),
  ];
}

function stateOf({ stopped, running, killed }: SessionAudit): string {
  return stopped ? 'stopped' : running ? 'running' : killed ? 'killed' : 'open';
}

function isImperfect({ lost, unannounced }: CounterAudit): boolean {
  return lost > 0 || unannounced > 0;
}

function counterLine(sessionId: string, { symbol, missing, lost, unannounced }: CounterAudit): string {
  const parts = [
    lost > 0 && `${plural(lost, 'row')} missing, seq ${rangesText(missing)}`,
    unannounced > 0 && `${plural(unannounced, 'row')} beyond what the session announced`,
  ].filter((part) => part !== false);
  return `session ${sessionId}, ${symbol ?? 'feed events'}: ${parts.join('; ')}`;
}

function unknownLines(session: SessionAudit): string[] {
  const { sessionId, symbols, unnamed, unaccounted } = session;
  const tails = symbols.flatMap(({ symbol, unproved }) => (unproved > 0 ? [`${symbol} ${unproved}`] : []));
  const announced = tails.length === 0 ? '' : `; announced by a tally and not there: ${tails.join(', ')}`;
  const someNamed = unnamed.length > 0 && unnamed.length < symbols.length;
  const ends = someNamed ? `; no later gap names the end of ${namesText(unnamed)}` : '';
  return [
    ...(stateOf(session) === 'open' ? [`session ${sessionId} never stopped${ends}${announced}`] : []),
    ...unaccounted.map((symbol) => `session ${sessionId}, ${symbol}: named at the start, without a row or a tally`),
  ];
}

function namesText(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${formatCount(names.length - SHOWN)} more` : '';
  return `${names.slice(0, SHOWN).join(', ')}${more}`;
}

function rangesText(ranges: readonly Range[]): string {
  const shown = ranges.slice(0, SHOWN).map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`));
  return `${shown.join(', ')}${ranges.length > SHOWN ? ` and ${formatCount(ranges.length - SHOWN)} more ranges` : ''}`;
}

function* section(
  title: string,
  lines: readonly string[],
  count: number,
  paint: (text: string) => string,
): Generator<string> {
  if (count === 0) return;
  yield '';
  for (const line of lines.slice(0, SHOWN)) yield `${paint(title)}  ${line}`;
  yield* rest(count, 'line');
}

function* rest(count: number, what: string): Generator<string> {
  if (count > SHOWN) yield `… and ${plural(count - SHOWN, `${what} more`, `${what}s more`)}; --json lists them`;
}

function painted(verdict: Verdict, paint: Paint): string {
  const colour = { kept: paint.green, broken: paint.red, unverifiable: paint.yellow }[verdict];
  return colour(verdict.padEnd('unverifiable'.length));
}

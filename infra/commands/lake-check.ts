/** Reads a lake in a folder, one object at a time, and holds it against promises 1 to 3 of the design. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { type RowTypes, TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import { type Place, parseKey } from '../../transformer/lake.ts';
import { hourStart } from '../../transformer/partition.ts';
import { Audit, type AuditResult } from '../audit.ts';
import { type CoverageResult, FeedCoverage } from '../feed-coverage.ts';
import { openBucket } from '../local/s3.ts';
import { formatTime, plural } from '../terminal.ts';
import { roleOf, type Scope, scopeOf, tableOfKey } from './lake-scope.ts';
import { countLines, readObject } from './object-file.ts';
import { type PromiseReport, verdicts } from './verdicts.ts';

/** Problems kept; more are only counted. */
const PROBLEMS_KEPT = 1000;

/** A file that breaks a promise. */
export interface Problem {
  readonly promise: 1 | 2;
  readonly file: string;
  readonly reason: string;
}

export interface Volume {
  objects: number;
  rows: number;
  bytes: number;
}

/** What was found, before it is judged. */
export interface Findings {
  readonly folder: string;
  readonly scope: Scope;
  readonly tables: Record<TableName, Volume>;
  /** Objects of the error prefix, and the records in them. */
  readonly failed: { objects: number; records: number };
  /** At most PROBLEMS_KEPT. */
  readonly problems: Problem[];
  /** All objects that break promise 1, and promise 2. */
  readonly broken: { 1: number; 2: number };
  /** Readable objects whose path names no partition to hold their rows against. */
  unplaced: number;
}

export interface CheckReport extends Findings {
  readonly audit: AuditResult;
  /** null: only a part of the lake is here, and with it a part of what each session recorded. */
  readonly gaps: CoverageResult | null;
  readonly promises: readonly PromiseReport[];
}

/**
 * @param nowMs UTC epoch ms: what is younger than two minutes may be in flight
 * @param onProgress called after each object
 * @throws DL_FILE_UNREADABLE where the folder cannot be listed, DL_LAKE_MISSING where it holds no object of a lake
 */
export async function checkLake(
  folder: string,
  nowMs: number,
  onProgress: (so: { objects: number; rows: number }) => void,
): Promise<CheckReport> {
  const findings = newFindings(folder, scopeOf(folder, await namesIn(folder)));
  const audit = new Audit();
  const coverage = new FeedCoverage();
  const take: TakeRows = (table, rows) => {
    audit.add(table, rows);
    coverage.add(table, rows);
  };
  let objects = 0;
  for await (const { key } of openBucket(folder).list('')) {
    const role = roleOf(findings.scope, key);
    if (role === 'other') continue;
    if (role === 'failed') await countFailed(findings, key);
    else await checkObject(findings, take, key);
    objects += 1;
    onProgress({ objects, rows: TABLE_NAMES.reduce((sum, table) => sum + findings.tables[table].rows, 0) });
  }
  if (objects === 0) throw new DepthlakeError('DL_LAKE_MISSING', `${folder} holds no object of a lake`);
  const result = audit.result(nowMs);
  const gaps = findings.scope.incomplete === null ? coverage.result() : null;
  return { ...findings, audit: result, gaps, promises: verdicts(findings, result) };
}

function newFindings(folder: string, scope: Scope): Findings {
  const tables = Object.fromEntries(TABLE_NAMES.map((table) => [table, { objects: 0, rows: 0, bytes: 0 }]));
  return {
    folder,
    scope,
    tables: tables as Record<TableName, Volume>,
    failed: { objects: 0, records: 0 },
    problems: [],
    broken: { 1: 0, 2: 0 },
    unplaced: 0,
  };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${folder}: ${reasonOf(cause)}`, { cause });
  }
}

async function countFailed(findings: Findings, key: string): Promise<void> {
  const file = path.join(findings.folder, key);
  findings.failed.objects += 1;
  findings.failed.records += await countLines(file).catch((cause) => {
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause });
  });
}

type TakeRows = (table: TableName, rows: readonly RowTypes[TableName][]) => void;

async function checkObject(findings: Findings, take: TakeRows, key: string): Promise<void> {
  const { folder, scope, tables } = findings;
  const file = path.join(folder, key);
  try {
    const bytes = await readObject(file);
    const { table, rows } = readTable(bytes, scope.kind === 'loose' ? null : tableOfKey(scope.prefix + key));
    tables[table].objects += 1;
    tables[table].bytes += bytes.length;
    tables[table].rows += rows.length;
    take(table, rows);
    const inLake = scope.kind === 'loose' ? `${TABLES[table].folder}/${scope.prefix}${key}` : scope.prefix + key;
    checkPlace(findings, file, parseKey(inLake), rows);
  } catch (error) {
    if (isGone(error)) return;
    report(findings, { promise: 1, file, reason: reasonOf(error) });
  }
}

/** An object that was removed after the folder was listed is no object. */
function isGone(error: unknown): boolean {
  return error instanceof DepthlakeError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** @param due the table that the object's place is for; null: the place does not tell */
function readTable(bytes: Buffer, due: TableName | null): { table: TableName; rows: readonly RowTypes[TableName][] } {
  const { table, schema, rows } = readContainerFile(bytes);
  if (table === null) throw new Error(`its schema, ${recordName(schema)}, is not one of a table`);
  if (due !== null && table !== due) throw new Error(`it holds rows of ${table} among those of ${due}`);
  return { table, rows };
}

function recordName(schema: unknown): string {
  return (schema as { name?: string } | null)?.name ?? JSON.stringify(schema);
}

/** @param place null: the key names no hour; in loose files that may be all there is to see */
function checkPlace(
  findings: Findings,
  file: string,
  place: Place | null,
  rows: readonly { readonly timestamp_ms: number }[],
): void {
  if (place === null) {
    if (findings.scope.kind === 'loose') findings.unplaced += 1;
    else report(findings, { promise: 2, file, reason: 'it lies in no partition year=/month=/day=/hour=' });
    return;
  }
  const strays = rows.filter((row) => hourStart(row.timestamp_ms) !== place.hourMs);
  if (strays.length === 0) return;
  const [first] = strays;
  const where = `row ${rows.indexOf(first!) + 1} of ${formatTime(first!.timestamp_ms)}`;
  const reason = `${strays.length} of ${plural(rows.length, 'row')} belong to another hour; the first is ${where}`;
  report(findings, { promise: 2, file, reason });
}

function report(findings: Findings, problem: Problem): void {
  findings.broken[problem.promise] += 1;
  if (findings.problems.length < PROBLEMS_KEPT) findings.problems.push(problem);
}

/** What a command line of `depthlake replay` means as a whole, and what in it contradicts itself. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { ValuesOf } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import { TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';
import type { Checkpoint, Fingerprint } from '../../producer/replay/checkpoint.ts';
import type { Selection } from '../../producer/replay/source.ts';
import { type SinkAddress, type SourceAddress, sinkText, sourceText } from '../replay/address.ts';
import type { StreamStart } from '../replay/kinesis-source.ts';
import { type Asked, contradictionsOf, selectionOf } from '../replay/selection.ts';
import type { LineFormatName } from '../replay/sinks/line-format.ts';
import type { SETTINGS } from './replay-settings.ts';

type Values = ValuesOf<typeof SETTINGS>;

export interface ReplayPlan {
  readonly from: SourceAddress;
  readonly to: SinkAddress;
  readonly selection: Selection;
  readonly streamStart: StreamStart;
  readonly format: LineFormatName;
  /** Readers get one row a book; tables keep those of every session. */
  readonly oneRowPerBook: boolean;
  /** The options by which a checkpoint knows its replay. */
  readonly fingerprint: Fingerprint;
}

/** Sinks that make tables anew, not for a reader. */
const REBUILDING: ReadonlySet<SinkAddress['kind']> = new Set(['avro', 'kinesis', 'firehose']);

/** @throws DL_USAGE for what does not go together */
export function planOf(values: Values, moreFiles: readonly string[]): ReplayPlan {
  const from = withFiles(values.from, moreFiles);
  const { to, start, end, symbols } = values;
  const format = values.format ?? formatOf(to);
  const tables = values.tables ?? defaultTables(to, format);
  const asked = { from, start, endMs: end?.ms, symbols, tables, follow: values.follow, fanOut: values.fanOut };
  const contradictions = [...contradictionsOf(asked), ...sinkContradictionsOf(values, asked)];
  if (contradictions.length > 0) throw new DepthlakeError('DL_USAGE', contradictions.join('\n'));
  return {
    from,
    to,
    selection: selectionOf(asked),
    streamStart: start ?? { kind: 'trim-horizon' },
    format,
    oneRowPerBook: !REBUILDING.has(to.kind),
    fingerprint: {
      from: sourceText(from),
      start: start?.text ?? null,
      end: end?.text ?? null,
      symbols: symbols.join(','),
      tables: [...tables].join(','),
      to: sinkText(to),
      ...(to.kind === 'file' || to.kind === 'stdout' ? { format } : {}),
      ...(to.kind === 'avro' ? { codec: values.codec } : {}),
      window_ms: values.windowMs,
      keep_duplicates: values.keepDuplicates,
    },
  };
}

/** Twelve hexadecimal digits that another replay does not have, wherever it is written to. */
export function idOf({ fingerprint, selection, streamStart }: ReplayPlan, last: Checkpoint | null): string {
  const { to: _, start, end: _end, ...options } = fingerprint;
  // A time relative to now is another one each day; a place in the stream stays what it is.
  const place = streamStart.kind === 'sequence' || streamStart.kind === 'latest' ? [start] : [];
  const begun = last === null ? [selection.fromMs, selection.toMs] : [last.from_ms, last.to_ms];
  const times = begun.map((ms) => (ms !== null && Number.isFinite(ms) ? ms : null));
  return createHash('sha256')
    .update(JSON.stringify([options, times, ...place]))
    .digest('hex')
    .slice(0, 12);
}

function withFiles(from: SourceAddress | undefined, moreFiles: readonly string[]): SourceAddress {
  if (from === undefined)
    throw new DepthlakeError('DL_USAGE', '--from is missing: a stream, a lake or container files');
  if (moreFiles.length === 0) return from;
  if (from.kind === 'paths') return { ...from, paths: [...from.paths, ...moreFiles] };
  throw new DepthlakeError('DL_USAGE', `only container files can be several: ${moreFiles.join(' ')}`);
}

function formatOf(to: SinkAddress): LineFormatName {
  return to.kind === 'file' && /\.csv(\.gz)?$/i.test(to.path) ? 'csv' : 'jsonl';
}

function defaultTables(to: SinkAddress, format: LineFormatName): ReadonlySet<TableName> {
  return new Set(format === 'csv' || to.kind === 'ws' ? ['order_book'] : TABLE_NAMES);
}

function sinkContradictionsOf({ to, format, checkpoint }: Values, { from, tables }: Asked): string[] {
  const isLines = to.kind === 'file' || to.kind === 'stdout';
  const checks: readonly (readonly [boolean, string])[] = [
    [format !== undefined && !isLines, `--format is for stdout and files, not for ${sinkText(to)}`],
    [to.kind === 'ws' && !tables.has('order_book'), 'ws needs the table order_book'],
    [
      from.kind === 'kinesis' && to.kind === 'kinesis' && from.stream === to.stream,
      'a stream cannot be replayed into itself',
    ],
    [isOneOf(from, to), `${sinkText(to)} is what is read: choose another place to write to`],
    [
      checkpoint !== undefined && to.kind === 'file' && resolve(checkpoint) === resolve(to.path),
      `${sinkText(to)} is the checkpoint, too: its rows would be written over`,
    ],
    [checkpoint !== undefined && to.kind === 'ws', 'a checkpoint is without use for ws: its clients are gone with it'],
    [
      checkpoint !== undefined && to.kind === 'stdout',
      'a checkpoint is without use for stdout: nobody knows what the reader of a broken pipe took; write a file',
    ],
  ];
  return checks.filter(([holds]) => holds).map(([, words]) => words);
}

/** Whether a file that is read is written over, or rows are written among those that are read. */
function isOneOf(from: SourceAddress, to: SinkAddress): boolean {
  if (from.kind !== 'paths' || (to.kind !== 'avro' && to.kind !== 'file')) return false;
  const read = from.paths.map(realPath);
  const written = realPath(to.kind === 'avro' ? to.folder : to.path);
  const tables = to.kind === 'avro' ? TABLE_NAMES.map((table) => join(written, TABLES[table].folder)) : [];
  return read.some((path) => path === written || tables.some((table) => `${path}${sep}`.startsWith(table + sep)));
}

/** Links resolved, where something is there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

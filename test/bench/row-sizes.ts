/**
 * Bytes of rows in packs and container files as the producer and the transformer make them, by the number of symbols:
 * compression finds less to repeat where more symbols share a lane.
 */

import type { MeasuredRows, MixSizes, SizePoint } from '../../infra/cost/measured.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { STREAM_SETTINGS } from '../../producer/config.ts';
import { encodeLine, type TableName, type TableRow } from '../../producer/record.ts';
import { type Pack, PackBuilder } from '../../producer/stream/packs.ts';
import { FILE_MAX_BYTES } from '../../transformer/batch.ts';
import { CODECS, type Codec } from '../../transformer/codec.ts';
import { appendWithin, type ContainerDraft, emptyDraft, fileOf } from '../../transformer/container-draft.ts';
import { readPack } from '../../transformer/pack-rows.ts';
import { rowMaker } from './frame.ts';
import { type Frames, simulatedFrames } from './market.ts';

/** As long as those of producers, which are UUIDs. */
export const SESSION_ID = '7b0c9a52-3f43-4d0e-9a5e-1d2b8a6f4c11';
export const VENUE = 'binance.us';

/** Of one producer. */
const SYMBOL_COUNTS = [1, 8, 20, 80, 256];
const LANES = Number(STREAM_SETTINGS.lanes.default);
const LINGER_MS = 1_000;

export function rowsOf(frames: Frames, rawLevels: boolean): TableRow[] {
  const rows: TableRow[] = [];
  rowMaker(frames, (row) => rows.push(row), { rawLevels, sessionId: SESSION_ID, venue: VENUE })();
  return rows.filter(({ table }) => table === 'order_book');
}

/** As the producer makes them with its defaults, by the receive times of the rows; without those still open at the end. */
export function packsOf(rows: readonly TableRow[]): Pack[] {
  const builder = new PackBuilder(LANES);
  const packs = closedPacks(builder, rows);
  return packs.length > 0 ? packs : builder.closeOpenedBy(Number.POSITIVE_INFINITY);
}

/** As the producer makes them, which closes all of them at its end. */
export function allPacksOf(rows: readonly TableRow[]): Pack[] {
  const builder = new PackBuilder(LANES);
  return [...closedPacks(builder, rows), ...builder.closeOpenedBy(Number.POSITIVE_INFINITY)];
}

function closedPacks(builder: PackBuilder, rows: readonly TableRow[]): Pack[] {
  return rows.flatMap((row) => {
    const nowMs = row.table === 'order_book' ? row.row.received_ms : row.row.timestamp_ms;
    return [...builder.closeOpenedBy(nowMs - LINGER_MS), ...builder.add(row, nowMs)];
  });
}

/** Rows of so many symbols, in the order of arrival. */
export type RowSource = (symbols: number) => readonly TableRow[];

/** Each frame of a minute, or of 20 s where the symbols are many. */
export function simulatedRows(rawLevels: boolean): RowSource {
  const made = new Map<number, readonly TableRow[]>();
  return (symbols) => {
    const frames = () => simulatedFrames(symbols > 20 ? 20_000 : 60_000, ROSTER.slice(0, symbols));
    const rows = made.get(symbols) ?? rowsOf(frames(), rawLevels);
    made.set(symbols, rows);
    return rows;
  };
}

/** The last row of each symbol and second, as `--every 1s` keeps it. */
export function sampled(source: RowSource): RowSource {
  return (symbols) => {
    const last = new Map<string, TableRow>();
    for (const each of source(symbols)) {
      last.set(`${each.row.symbol} ${Math.floor(each.row.timestamp_ms / 1000)}`, each);
    }
    return [...last.values()].sort((a, b) => a.row.timestamp_ms - b.row.timestamp_ms);
  };
}

export function sizesOf(table: TableName, frames: RowSource, seconds: RowSource): MeasuredRows {
  const lines = frames(1).map((row) => Buffer.byteLength(encodeLine(row)) + 1);
  return {
    lineBytes: rounded(sum(lines) / lines.length),
    fileHeaderBytes: fileOf(emptyDraft(table, 'deflate')).length,
    frames: mixOf(table, frames),
    seconds: mixOf(table, seconds),
  };
}

function mixOf(table: TableName, source: RowSource): MixSizes {
  const packs = new Map(SYMBOL_COUNTS.map((symbols) => [symbols, packsOf(source(symbols))]));
  const points = (bytesPerRow: (packs: readonly Pack[]) => number): SizePoint[] =>
    [...packs].map(([symbols, made]) => [symbols, rounded(bytesPerRow(made))]);
  return {
    packBytesPerRow: points((made) => sum(made.map(({ data }) => data.length)) / sum(made.map(({ rows }) => rows))),
    fileBytesPerRow: Object.fromEntries(
      CODECS.map((codec) => [codec, points((made) => fileBytesPerRow(table, codec, made))]),
    ) as Record<Codec, SizePoint[]>,
  };
}

/** Of one file, of as many of the packs as it holds, without what a file of no rows has. */
function fileBytesPerRow(table: TableName, codec: Codec, packs: readonly Pack[]): number {
  let draft: ContainerDraft = emptyDraft(table, codec);
  const headerBytes = fileOf(draft).length;
  for (const { data } of packs) {
    const grown = appendWithin(draft, readPack(data.toString('base64')).rows, FILE_MAX_BYTES);
    if (grown === null) break;
    draft = grown;
  }
  return (fileOf(draft).length - headerBytes) / draft.rows;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

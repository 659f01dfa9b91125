/** Where a replay stands: enough to go on there, later, with the same command. */
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { CompletenessState } from './completeness.ts';
import type { Counts } from './counts.ts';
import type { Key } from './key.ts';
import type { Json } from './sink.ts';
import type { ResumePoint, Selection } from './source.ts';

/** What tells one replay from another: its options as they were typed, by name. */
export type Fingerprint = { readonly [option: string]: Json };

export interface Checkpoint {
  readonly version: 1;
  readonly replay: Fingerprint;
  /** The time asked for, UTC epoch ms; null: open. A time relative to now keeps its first meaning. */
  readonly from_ms: number | null;
  readonly to_ms: number | null;
  /**
   * Of the runs taken, every row up to here has left, and none beyond; null: none has left.
   */
  readonly frontier: Key | null;
  /** From where on the source is read again, UTC epoch ms; null: from the selection's beginning. */
  readonly read_from_ms: number | null;
  /** The position of the last run taken, by part of the source. */
  readonly taken: Readonly<Record<string, string>>;
  readonly counts: Counts;
  readonly seen: CompletenessState;
  readonly sink: Json;
  /** Whether the selection's end was reached. */
  readonly done: boolean;
}

export interface CheckpointStore {
  /** null: there is none yet. */
  read(): Promise<string | null>;
  /** Replaces what is there, as a whole or not at all. */
  write(text: string): Promise<void>;
}

/**
 * The checkpoint to go on from; null: the replay begins.
 * @throws DL_CHECKPOINT_INVALID where it is damaged, of another version, or of another replay
 */
export async function readCheckpoint(store: CheckpointStore, replay: Fingerprint): Promise<Checkpoint | null> {
  const text = await store.read();
  if (text === null) return null;
  const checkpoint = parse(text);
  const different = [...new Set([...Object.keys(replay), ...Object.keys(checkpoint.replay)])]
    .filter((name) => JSON.stringify(replay[name]) !== JSON.stringify(checkpoint.replay[name]))
    .map((name) => `${name} ${shown(checkpoint.replay[name])}, not ${shown(replay[name])}`);
  if (different.length > 0) throw invalid(`is of another replay: ${different.join('; ')}`);
  return checkpoint;
}

/** The selection as the replay was begun with. */
export function selectionOf(selection: Selection, { from_ms, to_ms }: Checkpoint): Selection {
  return { ...selection, fromMs: from_ms ?? -Infinity, toMs: to_ms ?? Infinity };
}

export function resumePointOf({ read_from_ms, taken }: Checkpoint): ResumePoint {
  return { fromMs: read_from_ms ?? -Infinity, taken };
}

function shown(value: Json | undefined): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

function invalid(what: string, cause?: unknown): DepthlakeError {
  return new DepthlakeError('DL_CHECKPOINT_INVALID', `the checkpoint ${what}`, { cause });
}

function parse(text: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`is no JSON: ${reasonOf(cause)}`, cause);
  }
  if (!isObject(value)) throw invalid('is no JSON object');
  if (value['version'] !== 1) throw invalid(`has the version ${JSON.stringify(value['version'])}, not 1`);
  const wrong = Object.entries(MEMBERS).find(([name, fits]) => !fits(value[name]));
  if (wrong !== undefined) throw invalid(`is damaged: ${wrong[0]} is ${JSON.stringify(value[wrong[0]])?.slice(0, 80)}`);
  return value as unknown as Checkpoint;
}

type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isText: Check = (value) => typeof value === 'string';
const isTable: Check = (value) => value === 'order_book' || value === 'feed_event';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
const objectOf =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(members).every(([name, check]) => check(value[name]));
const tupleOf =
  (...checks: readonly Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, at) => check(value[at]));

const ROW_KEY = objectOf({
  timestamp_ms: isNumber,
  session_id: isText,
  seq: isNumber,
  venue: isText,
  symbol: orNull(isText),
});

const COUNTS = objectOf({
  rows: objectOf({ order_book: isNumber, feed_event: isNumber }),
  skipped: objectOf({
    out_of_range: isNumber,
    other_symbol: isNumber,
    other_table: isNumber,
    duplicate: isNumber,
    other_producer: isNumber,
    resumed: isNumber,
  }),
  late: isNumber,
  early: isNumber,
  problems: objectOf({
    count: isNumber,
    codes: mapOf(isNumber),
    list: listOf(objectOf({ code: isText, where: isText, message: isText })),
  }),
  first_ms: orNull(isNumber),
  last_ms: orNull(isNumber),
});

const MEMBERS: Readonly<Record<string, Check>> = {
  replay: isObject,
  from_ms: orNull(isNumber),
  to_ms: orNull(isNumber),
  frontier: orNull(objectOf({ table: isTable, row: ROW_KEY })),
  read_from_ms: orNull(isNumber),
  taken: mapOf(isText),
  counts: COUNTS,
  seen: listOf(tupleOf(isTable, isText, isText, orNull(isText), listOf(isNumber))),
  sink: (value) => value !== undefined,
  done: (value) => typeof value === 'boolean',
};

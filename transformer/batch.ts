/**
 * How the packs of one invocation become container files. Firehose concatenates what a transformation returns, so a
 * file rides on the record of one of its packs, and a partition key that no other file has keeps it alone.
 */
import { DepthlakeError, type ErrorCode, reasonOf } from '../producer/errors.ts';
import { TABLES } from '../producer/record.ts';
import type { Codec } from './codec.ts';
import { fileOf } from './container-draft.ts';
import { FileGroups, type PackFile } from './file-groups.ts';
import {
  type FirehoseAnswer,
  type FirehoseEvent,
  type FirehoseRecord,
  type FirehoseResponse,
  RESPONSE_LIMIT,
} from './firehose-event.ts';
import { readPack } from './pack-rows.ts';
import { partitionOf, type TableHour } from './partition.ts';

/** The largest record that Firehose takes is 1,000 KiB; none of its documents promises room for more. */
export const FILE_MAX_BYTES = 1_024_000;

/** Keeps the evaluated prefix well under Firehose's 512 characters; the service's own ids have 36. */
const INVOCATION_ID_MAX = 100;

export interface TransformOptions {
  readonly codec: Codec;
  /** Default 1,024,000. */
  readonly maxFileBytes?: number;
  /** Bytes of JSON. Default 6,000,000. */
  readonly maxResponseBytes?: number;
}

/** A record that goes to the error prefix, and why. */
export interface Refusal {
  readonly recordId: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface Transformation {
  readonly response: FirehoseResponse;
  /** The hours that the delivered files lie in, each once. */
  readonly partitions: readonly TableHour[];
  /** Of the delivered files. */
  readonly rows: number;
  readonly refused: readonly Refusal[];
}

/** Every recordId of the event is answered exactly once, in the order of the event. */
export function transform(event: FirehoseEvent, options: TransformOptions): Transformation {
  const { codec, maxFileBytes = FILE_MAX_BYTES, maxResponseBytes = RESPONSE_LIMIT } = options;
  const groups = new FileGroups({ codec, maxFileBytes, maxBytes: Math.floor(maxResponseBytes * 0.75) });
  const refused = new Map<string, Refusal>();
  const originals = recordsById(event.records);
  for (const [recordId, data] of originals) {
    try {
      groups.add(recordId, readPack(data));
    } catch (error) {
      refused.set(recordId, refusalOf(recordId, error));
    }
  }

  const answers = new Map<string, FirehoseAnswer>([...originals.keys()].map((id) => [id, failed(id)]));
  const delivered = deliverWithin(maxResponseBytes, groups.files, event.invocationId, answers);
  for (const file of groups.files) {
    if (delivered.has(file)) continue;
    for (const id of file.recordIds) refused.set(id, refusalOf(id, responseFull(maxResponseBytes)));
  }
  echoOriginals(maxResponseBytes, originals, answers);

  return {
    response: { records: [...answers.values()] },
    partitions: hoursOf(delivered),
    rows: [...delivered].reduce((sum, { draft }) => sum + draft.rows, 0),
    refused: [...originals.keys()].flatMap((id) => refused.get(id) ?? []),
  };
}

/** Data by recordId. An id that comes twice with other data is null: answering it once would lose one of the two. */
function recordsById(records: readonly FirehoseRecord[]): Map<string, string | null> {
  const byId = new Map<string, string | null>();
  for (const { recordId, data } of records) {
    byId.set(recordId, byId.has(recordId) && byId.get(recordId) !== data ? null : data);
  }
  return byId;
}

/** Answers the records of each file that the response still has room for. */
function deliverWithin(
  maxBytes: number,
  files: readonly PackFile[],
  invocationId: string,
  answers: Map<string, FirehoseAnswer>,
): ReadonlySet<PackFile> {
  const delivered = new Set<PackFile>();
  let total = sizeOfResponse(answers);
  for (const [index, file] of files.entries()) {
    const answered = answersOf(file, index, invocationId);
    let more = 0;
    for (const answer of answered) more += sizeOf(answer) - sizeOf(answers.get(answer.recordId)!);
    if (total + more > maxBytes) continue;
    for (const answer of answered) answers.set(answer.recordId, answer);
    delivered.add(file);
    total += more;
  }
  return delivered;
}

function answersOf(file: PackFile, index: number, invocationId: string): FirehoseAnswer[] {
  const { table, hourMs } = file.hour;
  const id = invocationId.replace(/[^A-Za-z0-9-]/g, '-').slice(0, INVOCATION_ID_MAX);
  const partitionKeys = {
    table: TABLES[table].folder,
    ...partitionOf(hourMs),
    batch: `${file.firstMs}-${id}-${index}`,
  };
  return file.recordIds.map((recordId, position) => ({
    recordId,
    result: position === 0 ? 'Ok' : 'Dropped',
    data: position === 0 ? fileOf(file.draft).toString('base64') : '',
    metadata: { partitionKeys },
  }));
}

/**
 * The service is documented to keep the original of a failed record, without a word on what the answer's data is then
 * for; returning the original is right either way, as far as there is room.
 */
function echoOriginals(
  maxBytes: number,
  originals: ReadonlyMap<string, string | null>,
  answers: Map<string, FirehoseAnswer>,
): void {
  let total = sizeOfResponse(answers);
  for (const [recordId, answer] of answers) {
    const data = originals.get(recordId);
    if (answer.result !== 'ProcessingFailed' || typeof data !== 'string') continue;
    const echo = { ...answer, data };
    // With its comma; a foreign original may hold characters that JSON escapes.
    const more = Buffer.byteLength(JSON.stringify(echo)) + 1 - sizeOf(answer);
    if (total + more > maxBytes) continue;
    answers.set(recordId, echo);
    total += more;
  }
}

function failed(recordId: string): FirehoseAnswer {
  return { recordId, result: 'ProcessingFailed' };
}

function refusalOf(recordId: string, error: unknown): Refusal {
  return { recordId, code: error instanceof DepthlakeError ? error.code : 'DL_PACK_INVALID', reason: reasonOf(error) };
}

function responseFull(maxBytes: number): DepthlakeError {
  return new DepthlakeError('DL_RESPONSE_FULL', `the response would pass ${maxBytes} bytes`);
}

function hoursOf(files: ReadonlySet<PackFile>): TableHour[] {
  return [...new Map([...files].map(({ hour }) => [`${hour.table}/${hour.hourMs}`, hour])).values()];
}

const RESPONSE_FRAME = JSON.stringify({ records: [] }).length;

function sizeOfResponse(answers: ReadonlyMap<string, FirehoseAnswer>): number {
  let total = RESPONSE_FRAME;
  for (const answer of answers.values()) total += sizeOf(answer);
  return total;
}

/** Bytes of an answer and its comma; the data of an answered file is base64, one byte a character. */
function sizeOf(answer: FirehoseAnswer): number {
  const { data, ...rest } = answer;
  const dataBytes = data === undefined ? 0 : ',"data":""'.length + data.length;
  return Buffer.byteLength(JSON.stringify(rest)) + dataBytes + 1;
}

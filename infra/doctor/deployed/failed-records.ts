/** What the delivery streams could not deliver, under the error prefix: how much, why, and what to do about it. */
import { plural } from '../../terminal.ts';
import { type Finding, failure, ok, oneLine } from '../finding.ts';
import { type LakeObjects, newestOf, type StoredObject } from './lake-objects.ts';

const PREFIX = 'errors/';
/** Firehose’s own names of what is always looked for: a failed transformation, and too many partitions at once. */
const WATCHED = ['processing-failed', 'activePartitionExceeded'];

/** 5,000 objects. */
const PAGES_MAX = 5;
/** Objects of each type that are read, and the largest that is. */
const READ_MAX = 3;
const READ_MAX_BYTES = 16 * 1024 * 1024;

/** The objects of one error type. */
export interface Failed {
  readonly type: string;
  readonly objects: number;
  /** When the newest was delivered, UTC epoch ms. */
  readonly newestMs: number;
  /** Records in the objects that were read, by error code. */
  readonly codes: ReadonlyMap<string, FailedRecords>;
}

export interface FailedRecords {
  readonly records: number;
  /** Of the last one. */
  readonly message: string;
  /** What the last one's bytes are: recovery treats packs and container files differently. */
  readonly form: 'packs' | 'container files' | 'other bytes';
}

/** Error codes as Firehose writes them, and what stands behind each; the first that fits is taken. */
const CURES: readonly (readonly [RegExp, string])[] = [
  [
    /^Lambda\.ProcessingFailedStatus$/,
    'The transformer refused these records; its log group says why, record by record. Their bytes stay here for recovery.',
  ],
  [
    /^Lambda\.(MissingRecordId|DuplicatedRecordId|InvalidReturnFormat|Json\w+)$/,
    'Firehose does not accept how the transformer answers (one Ok a file, the other records Dropped): stop the producer, and report this line.',
  ],
  [/^Lambda\.InvokeAccessDenied$/, 'The delivery stream may not invoke the transformer: deploy the stack again.'],
  [
    /^Lambda\./,
    'The transformer failed or did not answer in time; see its log group, its duration and its throttles on the dashboard.',
  ],
  [
    /^DynamicPartitioning\.|^activePartitionExceeded$/,
    'More partitions were open at once than the quota allows (500, 5,000 on request), or keys were empty: raise the quota, or bufferSeconds.',
  ],
];
const OTHER_CURE = 'See the log group of the delivery stream. The bytes stay here for recovery.';

/** What lies under the error prefix, by type; the newest objects of each are read. */
export async function readFailed(lake: LakeObjects): Promise<Failed[]> {
  const { objects } = await lake.list(PREFIX, PAGES_MAX);
  const byType = new Map<string, StoredObject[]>();
  for (const object of objects) {
    const type = object.key.slice(PREFIX.length).split('/')[0]!;
    byType.set(type, [...(byType.get(type) ?? []), object]);
  }
  return Promise.all([...byType].map(([type, found]) => readType(lake, type, found)));
}

async function readType(lake: LakeObjects, type: string, objects: readonly StoredObject[]): Promise<Failed> {
  const codes = new Map<string, FailedRecords>();
  const newest = newestOf(objects, READ_MAX);
  for (const { key, bytes } of newest) {
    if (bytes > READ_MAX_BYTES) continue;
    for (const { code, message, form } of recordsOf((await lake.get(key)).toString('utf8'))) {
      codes.set(code, { records: (codes.get(code)?.records ?? 0) + 1, message, form });
    }
  }
  return { type, objects: objects.length, newestMs: newest[0]!.modifiedMs, codes };
}

interface FailedRecord extends Omit<FailedRecords, 'records'> {
  readonly code: string;
}

/** One JSON object a line; what is none of them is told as such. */
function* recordsOf(text: string): Generator<FailedRecord> {
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    try {
      const { errorCode, errorMessage, rawData } = JSON.parse(line) as Record<string, unknown>;
      yield {
        code: String(errorCode ?? 'no error code'),
        message: String(errorMessage ?? ''),
        form: formOf(Buffer.from(String(rawData ?? ''), 'base64')),
      };
    } catch {
      yield { code: 'no JSON', message: '', form: 'other bytes' };
    }
  }
}

/** By the first bytes: gzip or a JSON object is a pack, `Obj` and 1 a container file. */
function formOf(bytes: Buffer): FailedRecords['form'] {
  if (bytes.subarray(0, 4).equals(Buffer.from('Obj\x01'))) return 'container files';
  return bytes[0] === 0x7b || (bytes[0] === 0x1f && bytes[1] === 0x8b) ? 'packs' : 'other bytes';
}

/** A finding for each type that is watched or there. */
export function judgeFailed(failed: readonly Failed[]): Finding[] {
  const there = new Map(failed.map((each) => [each.type, each]));
  const types = new Set([...WATCHED, ...there.keys()]);
  return [...types].map((type) => {
    const what = `errors ${type}`;
    const found = there.get(type);
    return found === undefined ? ok(what, `nothing under ${PREFIX}${type}/`) : failureOf(what, found);
  });
}

function failureOf(what: string, { type, objects, newestMs, codes }: Failed): Finding {
  const reasons = [...codes]
    .sort(([, a], [, b]) => b.records - a.records)
    .map(([code, { records, message, form }]) => {
      const words = message === '' ? '' : `: ${oneLine(message)}`;
      return `${plural(records, 'record')} ${code} (${form})${words}`;
    });
  const many = `${plural(objects, 'object')}, the newest of ${new Date(newestMs).toISOString()}`;
  const detail = reasons.length === 0 ? many : `${many}; in the newest ${reasons.join('; ')}`;
  return failure(what, detail, cureOf([...codes.keys(), type]));
}

function cureOf(names: readonly string[]): string {
  for (const name of names) {
    const cure = CURES.find(([pattern]) => pattern.test(name));
    if (cure !== undefined) return cure[1];
  }
  return OTHER_CURE;
}

/** Objects of a lake, read back whole: one container file each, of the right table, in the right hour, under a key as expected. */
import { reasonOf } from '../../../producer/errors.ts';
import type { TableName } from '../../../producer/record.ts';
import { readContainerFile } from '../../../transformer/container-file.ts';
import { parseKey } from '../../../transformer/lake.ts';
import { hourStart } from '../../../transformer/partition.ts';
import { formatTime, plural } from '../../terminal.ts';
import { type Finding, failure, ok, warning } from '../finding.ts';
import type { LakeObjects, StoredObject } from './lake-objects.ts';

/** Firehose joins at most 128 MiB to an object; ours have below 1,000 KiB, a sealed one more. */
const READ_MAX_BYTES = 128 * 1024 * 1024;

export interface Sample extends StoredObject {
  /** timestamp_ms of its rows, in their order. */
  readonly times: readonly number[];
  /** Why it is no container file of its table; null: it is one. */
  readonly fault: string | null;
}

/**
 * Beyond it rows are late: the transformer's buffer of at most 900 s, and at most 1.5 times 60 s of the delivery's, with room.
 * https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
 */
const LATE_MS = 20 * 60_000;
const STOPPED_MS = 60 * 60_000;

export async function readSample(lake: LakeObjects, object: StoredObject, table: TableName): Promise<Sample> {
  if (object.bytes > READ_MAX_BYTES) {
    return { ...object, times: [], fault: 'it is larger than 128 MiB, which Firehose never delivers' };
  }
  const bytes = await lake.get(object.key);
  try {
    const file = readContainerFile(bytes);
    if (file.table !== table) return { ...object, times: [], fault: `it holds no rows of ${table}` };
    return { ...object, times: file.rows.map((row) => row.timestamp_ms), fault: null };
  } catch (error) {
    return { ...object, times: [], fault: reasonOf(error) };
  }
}

/** One container file an object. */
export function judgeFiles(table: TableName, samples: readonly Sample[]): Finding {
  const what = `objects of ${table}`;
  if (samples.length === 0) {
    return warning(what, 'there is none yet', 'The first come some minutes after the producer: look again then.');
  }
  const broken = samples.filter(({ fault }) => fault !== null);
  const newest = samples.length === 1 ? 'the newest object' : `the ${samples.length} newest objects`;
  if (broken.length === 0) {
    const rows = plural(
      samples.reduce((sum, { times }) => sum + times.length, 0),
      'row',
    );
    return ok(what, `${newest} read back as one container file each: ${rows}, every count and CRC-32 right`);
  }
  const [first] = broken;
  return failure(
    what,
    `${broken.length} of ${newest} cannot be read: ${first!.key}: ${first!.fault}`,
    'Athena stops at such an object. Two container files in one object: dynamic partitioning or the batch key does not do what it is documented to; stop the delivery stream and report it.',
  );
}

/**
 * Keys as the prefix says them, and rows in the hour of their key.
 * @param deliveryStreams that deliver into the lake
 * @param strays keys and folders in the table's own folder that are no year
 */
export function judgeKeys(
  table: TableName,
  samples: readonly Sample[],
  deliveryStreams: readonly string[],
  strays: readonly string[],
): Finding | null {
  const what = `keys of ${table}`;
  if (strays.length > 0) {
    const detail = `${plural(strays.length, 'name')} outside any hour: ${strays[0]}`;
    return failure(
      what,
      detail,
      'The delivery stream’s Prefix is not evaluated as expected: compare it with `doctor`.',
    );
  }
  const readable = samples.filter(({ fault }) => fault === null);
  if (readable.length === 0) return null;
  const misplaced = readable.filter(({ key, times }) => times.some((ms) => hourStart(ms) !== parseKey(key)?.hourMs));
  if (misplaced.length > 0) {
    const [{ key, times }] = misplaced as [Sample];
    const stray = times.find((ms) => hourStart(ms) !== parseKey(key)?.hourMs)!;
    return failure(
      what,
      `${plural(misplaced.length, 'object')} with rows of another hour: ${key} holds one of ${formatTime(stray)}`,
      'The hour has to come from the transformer’s partition keys: compare the delivery stream’s Prefix with `doctor`.',
    );
  }
  const unusual = readable.filter(({ key, times }) => !isExpectedName(key, leastOf(times), deliveryStreams));
  if (unusual.length === 0) {
    return ok(what, `rows lie in the hour of their own timestamp_ms, under names as expected: ${readable[0]!.key}`);
  }
  return warning(
    what,
    `rows lie in their hour, but ${unusual.length} of ${plural(readable.length, 'name')} are not as documented: ${unusual[0]!.key}`,
    'Every reader takes them all the same; report it, as it is not what Firehose’s documentation says.',
  );
}

/** How old the newest row is. */
export function judgeAge(table: TableName, samples: readonly Sample[], nowMs: number): Finding | null {
  const what = `newest row of ${table}`;
  const newestMs = samples.reduce((newest, { times }) => times.reduce((a, b) => Math.max(a, b), newest), -Infinity);
  if (newestMs === -Infinity) return null;
  const ageMs = nowMs - newestMs;
  const detail = `${formatTime(newestMs)}, ${Math.round(ageMs / 1000).toLocaleString('en-US')} s ago`;
  if (ageMs <= LATE_MS) return ok(what, detail);
  const cure =
    'Check that the producer’s service runs and is healthy, and the age of what Firehose has not delivered (DataFreshness): the dashboard shows both.';
  return ageMs <= STOPPED_MS ? warning(what, detail, cure) : failure(what, detail, cure);
}

function leastOf(times: readonly number[]): number {
  return times.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY);
}

/**
 * `<least timestamp_ms>-<invocationId>-<index>-` from the prefix, then what Firehose adds.
 * https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
 */
function isExpectedName(key: string, leastMs: number, deliveryStreams: readonly string[]): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const [, ms, added] = /^(\d+)-[A-Za-z0-9-]+?-\d+-(.*)$/.exec(name) ?? [];
  if (ms !== String(leastMs)) return false;
  return deliveryStreams.some((stream) => {
    const at = added!.indexOf(`${stream}-`);
    return at >= 0 && /^\d+-\d{4}(-\d\d){5}-[0-9a-f-]{36}\.avro$/.test(added!.slice(at + stream.length + 1));
  });
}

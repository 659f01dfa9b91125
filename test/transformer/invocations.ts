/** Invocations of the transformer: packs as Firehose hands them over, and the files in the answer. */
import fc from 'fast-check';
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import type { Transformation } from '../../transformer/batch.ts';
import { type ContainerFile, readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseEvent, FirehoseRecord } from '../../transformer/firehose-event.ts';
import { HOUR_MS } from '../../transformer/partition.ts';
import { feedEventAt, orderBookAt } from './arbitrary-rows.ts';

export const HOUR = Date.UTC(2024, 1, 29, 23);
export const DEFLATE = { codec: 'deflate' } as const;
export const plain = <V>(value: V): V => JSON.parse(JSON.stringify(value)) as V;

export function book(timestampMs: number, seq: number, more = {}): TableRow {
  return { table: 'order_book', row: orderBookAt(timestampMs, seq, more) };
}

export function happening(timestampMs: number, seq: number, detail: string | null = null): TableRow {
  return { table: 'feed_event', row: feedEventAt(timestampMs, seq, { detail }) };
}

export function pack(recordId: string, rows: readonly TableRow[]): FirehoseRecord {
  return { recordId, data: encodePack(rows.map(encodeLine)).toString('base64') };
}

export function eventOf(...records: FirehoseRecord[]): FirehoseEvent {
  return { invocationId: '3c0a9c9e-0000-4000-8000-000000000000', records };
}

/** Text that no codec makes shorter. */
export function noise(bytes: number, seed: number): string {
  let state = seed + 1;
  return Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCharCode(35 + ((state >>> 16) % 57));
  }).join('');
}

export function filesOf({
  response,
}: Transformation): { recordId: string; keys: Record<string, string>; file: ContainerFile; bytes: number }[] {
  return response.records
    .filter(({ result }) => result === 'Ok')
    .map(({ recordId, data, metadata }) => {
      const bytes = Buffer.from(data!, 'base64');
      return { recordId, keys: metadata!.partitionKeys, file: readContainerFile(bytes), bytes: bytes.length };
    });
}

export const results = ({ response }: Transformation) =>
  response.records.map(({ recordId, result }) => [recordId, result]);

/** A good pack, a mixed one, or no pack at all. */
const record = (recordId: string): fc.Arbitrary<{ record: FirehoseRecord; rows: TableRow[] }> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .record({
          book: fc.boolean(),
          hour: fc.integer({ min: 0, max: 2 }),
          offsets: fc.array(fc.nat(HOUR_MS - 1), { minLength: 1, maxLength: 30 }),
        })
        .map(({ book: isBook, hour, offsets }) => {
          const rows = offsets.map((offset, index) => {
            const at = HOUR + hour * HOUR_MS + offset;
            return isBook ? book(at, index + 1, { session_id: recordId }) : happening(at, index + 1, recordId);
          });
          return { record: pack(recordId, rows), rows };
        }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({ record: pack(recordId, [book(HOUR, 1), happening(HOUR, 1)]), rows: [] as TableRow[] }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({
        record: pack(recordId, [book(HOUR, 1), book(HOUR + HOUR_MS, 2)]),
        rows: [] as TableRow[],
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .base64String()
        .filter((data) => data !== '')
        .map((data) => ({ record: { recordId, data: `AA${data}` }, rows: [] as TableRow[] })),
    },
  );

export const records = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 25 })
  .chain((ids) => fc.tuple(...ids.map(record)));

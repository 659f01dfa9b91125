/** PutRecordBatch on a delivery stream that reads from nowhere else. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Backlog } from './backlog.ts';
import { FirehoseError, type SourceRecord } from './record.ts';

/** The service's limits of one call and of one record. */
const MAX_RECORDS = 500;
const MAX_CALL_BYTES = 4 * 1024 * 1024;
const MAX_RECORD_BYTES = 1000 * 1024;

export interface PutRecordBatchOutput {
  readonly FailedPutCount: 0;
  readonly RequestResponses: readonly { readonly RecordId: string }[];
}

/** Takes all records or none. @throws InvalidArgumentException, ServiceUnavailableException (slow down) */
export function putRecordBatch(
  records: readonly Uint8Array[],
  to: { readonly backlog: Backlog; readonly clock: Clock; readonly accept: (record: SourceRecord) => void },
): PutRecordBatchOutput {
  const bytes = records.reduce((sum, record) => sum + record.length, 0);
  if (records.length < 1 || records.length > MAX_RECORDS || bytes > MAX_CALL_BYTES) {
    throw new FirehoseError('InvalidArgumentException', 'PutRecordBatch takes 1 to 500 records and 4 MiB at most');
  }
  if (records.some((record) => record.length > MAX_RECORD_BYTES)) {
    throw new FirehoseError('InvalidArgumentException', 'A record may hold 1,000 KiB at most');
  }
  if (to.backlog.full) throw new FirehoseError('ServiceUnavailableException', 'Slow down.');
  const arrivalMs = to.clock.now();
  for (const record of records) to.accept({ data: Buffer.from(record), arrivalMs, metadata: null });
  return { FailedPutCount: 0, RequestResponses: records.map(() => ({ RecordId: randomUUID() })) };
}

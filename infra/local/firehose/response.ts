/** Checks what a transformation answered, record by record, as the service does. */
import type { BatchRecord } from './record.ts';

export type Verdict =
  | {
      readonly kind: 'ok';
      readonly record: BatchRecord;
      readonly data: Buffer;
      readonly partitionKeys: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'dropped';
      readonly record: BatchRecord;
      readonly partitionKeys: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'failed';
      readonly record: BatchRecord;
      readonly errorCode: string;
      readonly errorMessage: string;
    };

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** One verdict per record of the batch, in its order. Answers for unknown ids are ignored. */
export function checkResponse(batch: readonly BatchRecord[], payload: unknown): Verdict[] {
  const records = objectOf(payload)?.records;
  if (!Array.isArray(records)) {
    return batch.map((record) => failed(record, 'Lambda.InvalidReturnFormat', 'The response holds no list of records'));
  }
  const answers = new Map<string, unknown[]>();
  for (const answer of records as unknown[]) {
    const id = objectOf(answer)?.recordId;
    if (typeof id !== 'string') continue;
    const same = answers.get(id);
    if (same) same.push(answer);
    else answers.set(id, [answer]);
  }
  return batch.map((record) => verdictOf(record, answers.get(record.recordId) ?? []));
}

function verdictOf(record: BatchRecord, answers: readonly unknown[]): Verdict {
  const answer = objectOf(answers[0]);
  if (answer === null) return failed(record, 'Lambda.MissingRecordId', 'The response lacks this recordId');
  if (answers.length > 1) {
    return failed(record, 'Lambda.DuplicatedRecordId', 'The response holds this recordId more than once');
  }
  switch (answer.result) {
    case 'Ok':
      return okVerdict(record, answer);
    case 'Dropped':
      return { kind: 'dropped', record, partitionKeys: partitionKeysOf(answer) };
    case 'ProcessingFailed':
      return failed(record, 'Lambda.ProcessingFailedStatus', 'ProcessingFailed status set for record');
    default:
      return failed(record, 'Lambda.InvalidReturnFormat', `The result is ${JSON.stringify(answer.result)}`);
  }
}

function okVerdict(record: BatchRecord, answer: Record<string, unknown>): Verdict {
  const { data } = answer;
  if (typeof data !== 'string') return failed(record, 'Lambda.InvalidReturnFormat', 'The data of an Ok record is null');
  if (data.length % 4 !== 0 || !BASE64.test(data)) {
    return failed(record, 'Lambda.InvalidReturnFormat', 'The data of an Ok record is not base64');
  }
  return { kind: 'ok', record, data: Buffer.from(data, 'base64'), partitionKeys: partitionKeysOf(answer) };
}

function partitionKeysOf({ metadata }: Record<string, unknown>): Readonly<Record<string, unknown>> {
  return objectOf(objectOf(metadata)?.partitionKeys) ?? {};
}

function failed(record: BatchRecord, errorCode: string, errorMessage: string): Verdict {
  return { kind: 'failed', record, errorCode, errorMessage };
}

/** Why the transformation refused records, by recordId: JSON lines `{"event":"record_refused",…}` in its log. */
export function refusalsIn(log: readonly string[]): Map<string, string> {
  const refusals = new Map<string, string>();
  for (const line of log) {
    if (!line.includes('record_refused')) continue;
    const entry = objectOf(parse(line));
    if (entry?.event !== 'record_refused' || typeof entry.recordId !== 'string') continue;
    refusals.set(entry.recordId, [entry.code, entry.reason].filter((part) => typeof part === 'string').join(': '));
  }
  return refusals;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** One object of a lake as text: a container file, or an object of the error prefix (JSON lines with `rawData`). */
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { decodePack } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import { formatBytes, formatCount, formatTime, type Paint, plural } from '../terminal.ts';
import { typeText } from './type-text.ts';

/** summary: for people; rows: JSON lines; schema: JSON. */
export type Form = 'summary' | 'rows' | 'schema';

/** Rows are joined into texts of this many, so that a reader of the first few does not wait for the last. */
const ROWS_PER_TEXT = 200;

/**
 * @param name how the object is called
 * @throws DL_CONTAINER_INVALID where it is neither a container file nor an object of the error prefix
 */
export function describeObject(name: string, bytes: Buffer, form: Form, paint: Paint): Iterable<string> {
  if (bytes[0] === '{'.charCodeAt(0)) return describeErrors(name, bytes, form, paint);
  return describeContainer(name, bytes, form, paint);
}

function* describeContainer(name: string, bytes: Buffer, form: Form, paint: Paint): Generator<string> {
  const file = readContainerFile(bytes);
  if (form === 'rows') return yield* jsonLines(file.rows);
  if (form === 'schema') return yield `${JSON.stringify(file.schema, null, 2)}\n`;
  const { fields = [] } = file.schema as { fields?: readonly { name: string; type: unknown }[] };
  const line = (label: string, text: string): string => `  ${paint.dim(label.padEnd(8))}${text}\n`;
  yield `${paint.bold(name)}\n`;
  yield line('table', `${file.table ?? 'none of ours'}, ${plural(fields.length, 'field')}`);
  yield line('fields', fields.map((field) => `${field.name} ${typeText(field.type)}`).join(', '));
  yield line('codec', file.codec);
  yield line('rows', `${formatCount(file.count)} in ${plural(file.blocks, 'block')}`);
  yield line('size', formatBytes(bytes.length));
  if (file.rows.length === 0) return;
  yield line('first', rowText(file.rows[0]));
  yield line('last', rowText(file.rows.at(-1)));
}

function rowText(row: unknown): string {
  const timestampMs = (row as { timestamp_ms?: unknown } | null)?.timestamp_ms;
  return `${typeof timestampMs === 'number' ? `${formatTime(timestampMs)} ` : ''}${JSON.stringify(row)}`;
}

function* jsonLines(values: readonly unknown[]): Generator<string> {
  for (let at = 0; at < values.length; at += ROWS_PER_TEXT) {
    const part = values.slice(at, at + ROWS_PER_TEXT);
    yield part.map((value) => `${JSON.stringify(value)}\n`).join('');
  }
}

/** One line of an object of the error prefix, as Firehose writes it, with what decoding its data says today. */
interface FailedRecord {
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly attempts: number | null;
  /** UTC epoch ms of the arrival. */
  readonly arrivedMs: number | null;
  readonly bytes: number;
  /** Rows that the data decodes to; null: it does not decode. */
  readonly rows: number | null;
  /** Why it does not decode, else the error message. */
  readonly reason: string;
}

function* describeErrors(name: string, bytes: Buffer, form: Form, paint: Paint): Generator<string> {
  if (form === 'schema') {
    throw new DepthlakeError('DL_CONTAINER_INVALID', 'is an object of the error prefix, which has no schema');
  }
  const records = bytes
    .toString('utf8')
    .split('\n')
    .flatMap((line, at) => (line.trim() === '' ? [] : [readFailedRecord(line, at + 1)]));
  if (form === 'rows') return yield* jsonLines(records);
  yield `${paint.bold(name)}\n  ${plural(records.length, 'record')} of the error prefix, ${formatBytes(bytes.length)}\n`;
  for (const { errorCode, attempts, arrivedMs, bytes: size, rows, reason } of records) {
    const time = arrivedMs === null ? 'time unknown' : formatTime(arrivedMs);
    const tries = attempts === null ? 'attempts unknown' : plural(attempts, 'attempt');
    const holds = rows === null ? '' : `, decodes to ${plural(rows, 'row')}`;
    yield `  ${time}  ${paint.red(errorCode)}  ${tries}, ${formatBytes(size)}${holds}: ${reason}\n`;
  }
}

function readFailedRecord(line: string, number: number): FailedRecord {
  const fields = parseFields(line, number);
  if (typeof fields['rawData'] !== 'string') {
    throw new DepthlakeError('DL_CONTAINER_INVALID', `line ${number} has no rawData: no object of the error prefix`);
  }
  const data = Buffer.from(fields['rawData'], 'base64');
  const { attemptsMade, arrivalTimestamp, errorCode, errorMessage } = fields;
  const message = String(errorMessage ?? 'no error message');
  return {
    errorCode: String(errorCode ?? 'no error code'),
    errorMessage: message,
    attempts: typeof attemptsMade === 'number' ? attemptsMade : null,
    arrivedMs: typeof arrivalTimestamp === 'number' ? arrivalTimestamp : null,
    bytes: data.length,
    ...decode(data, message),
  };
}

function parseFields(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, as any other line that is no record.
  }
  throw new DepthlakeError('DL_CONTAINER_INVALID', `line ${number} is no JSON object`);
}

function decode(data: Buffer, message: string): { rows: number | null; reason: string } {
  try {
    return { rows: decodePack(data).length, reason: message };
  } catch (error) {
    return { rows: null, reason: reasonOf(error) };
  }
}

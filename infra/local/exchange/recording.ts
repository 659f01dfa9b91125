/**
 * Recordings: lines of `<receive time, epoch ns> <message>` or `<receive time, epoch ns> ws|rest <SYMBOL> <message>`,
 * plain or gzip, read as a stream. A message is a combined one (`stream` and `data`) or the body of a REST book;
 * others, such as acknowledgements, are valid but have nobody to be played to.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import type { Message } from './protocol.ts';

/** The largest recorded line known, a book of 1,000 levels a side, has 70 KB. */
const MAX_LINE_CHARACTERS = 32 * 1024 * 1024;

/** A book as REST gave it; `symbol` is null where the line does not name it. */
export interface RecordedBook {
  readonly symbol: string | null;
  readonly lastUpdateId: number;
  readonly bids: readonly (readonly [string, string])[];
  readonly asks: readonly (readonly [string, string])[];
}

export interface RecordedDiff {
  readonly symbol: string;
  readonly firstId: number;
  readonly lastId: number;
  readonly bids: readonly (readonly [string, string])[];
  readonly asks: readonly (readonly [string, string])[];
}

/** One line: when it was received, and what of it can be played. */
export interface RecordedLine {
  /** 1 for the first line of the file. */
  readonly number: number;
  readonly receivedNs: bigint;
  readonly message: Message | null;
  /** Where the message is a diff of a spot book. */
  readonly diff: RecordedDiff | null;
  readonly book: RecordedBook | null;
}

/**
 * The lines of a recording, in the order of the file; at most one chunk and one line are held.
 * @throws DL_FILE_UNREADABLE, DL_RECORDING_INVALID with the number of the line
 */
export async function* readRecording(file: string): AsyncGenerator<RecordedLine> {
  let number = 0;
  try {
    for await (const line of textLines(await openText(file))) {
      number += 1;
      if (line !== '') yield { number, ...parseLine(line) };
    }
  } catch (cause) {
    if (cause instanceof DepthlakeError) throw cause;
    if (isFileError(cause)) throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause });
    const where = cause instanceof LineError ? number : number + 1;
    throw new DepthlakeError('DL_RECORDING_INVALID', `${file}, line ${where}: ${reasonOf(cause)}`, { cause });
  }
}

class LineError extends Error {}

async function openText(file: string): Promise<AsyncIterable<Buffer>> {
  const handle = await open(file);
  const magic = Buffer.alloc(2);
  await handle.read(magic, 0, 2, 0).finally(() => handle.close());
  const bytes = createReadStream(file);
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return bytes;
  // A failure of either end reaches the reader through the last stream.
  return pipeline(bytes, createGunzip(), () => {});
}

async function* textLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop()!;
    if (rest.length > MAX_LINE_CHARACTERS) throw new Error(`longer than ${MAX_LINE_CHARACTERS} characters`);
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

function parseLine(line: string): Omit<RecordedLine, 'number'> {
  const match = /^(\d{1,19}) (?:(ws|rest) ([A-Z0-9_]+) )?(.*)$/s.exec(line);
  if (match === null) throw new LineError('does not begin with a receive time, a space and a message');
  const text = match[4]!;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LineError(`the message is not JSON: ${reasonOf(cause)}`);
  }
  if (typeof value !== 'object' || value === null) throw new LineError('the message is not a JSON object');
  const receivedNs = BigInt(match[1]!);
  if ('stream' in value) return { receivedNs, book: null, ...streamMessage(value, text) };
  const nothing = { receivedNs, message: null, diff: null };
  if (match[2] === 'ws' || !('lastUpdateId' in value)) {
    if (match[2] === 'rest') throw new LineError('a REST line holds no book');
    return { ...nothing, book: null };
  }
  return { ...nothing, book: restBook(value as Record<string, unknown>, match[3] ?? null) };
}

function streamMessage(value: object, text: string): Pick<RecordedLine, 'message' | 'diff'> {
  const { stream, data } = value as Record<string, unknown>;
  if (typeof stream !== 'string' || typeof data !== 'object' || data === null) {
    throw new LineError('a combined message needs a stream name and a data object');
  }
  const fields = data as Record<string, unknown>;
  const diff = diffOf(fields);
  const body = verbatimBody(text, stream) ?? JSON.stringify(data);
  const id = [fields.lastUpdateId, fields.u].find((field) => typeof field === 'number') as number | undefined;
  const kind = diff !== null ? 'diff' : 'lastUpdateId' in fields ? 'partial' : 'other';
  return { message: { stream, body, kind, id: id ?? null }, diff };
}

/** The body exactly as it was sent, where the message has the exchange's own layout. */
function verbatimBody(text: string, stream: string): string | null {
  const head = `{"stream":"${stream}","data":`;
  return text.startsWith(head) && text.endsWith('}') ? text.slice(head.length, -1) : null;
}

function diffOf(data: Record<string, unknown>): RecordedDiff | null {
  const { e, s, U, u, b, a } = data;
  if (e !== 'depthUpdate' || 'pu' in data) return null;
  if (typeof s !== 'string' || !isId(U) || !isId(u) || !areLevels(b) || !areLevels(a)) return null;
  return { symbol: s, firstId: U, lastId: u, bids: b, asks: a };
}

function restBook({ lastUpdateId, bids, asks }: Record<string, unknown>, symbol: string | null): RecordedBook {
  if (!isId(lastUpdateId) || !areLevels(bids) || !areLevels(asks)) {
    throw new LineError('a book needs lastUpdateId, bids and asks');
  }
  return { symbol, lastUpdateId, bids, asks };
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function areLevels(value: unknown): value is [string, string][] {
  return Array.isArray(value) && value.every((level) => Array.isArray(level) && level.every(isString));
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isFileError(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause;
}

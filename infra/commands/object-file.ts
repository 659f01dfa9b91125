/** Files that hold one object of a lake. */
import { createReadStream } from 'node:fs';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';

/** Firehose delivers objects of 128 MiB at most; a larger file is none, and is not taken into memory. */
const OBJECT_MAX_BYTES = 128 * 1024 * 1024;

/**
 * The whole file; `-` is standard input.
 * @throws DL_FILE_UNREADABLE, also where it holds more than OBJECT_MAX_BYTES
 */
export async function readObject(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(path)) {
    bytes += chunk.length;
    if (bytes > OBJECT_MAX_BYTES) {
      throw new DepthlakeError('DL_FILE_UNREADABLE', 'holds more than 128 MiB, which no object of a lake does');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** How many lines the file holds; the last needs no line feed. */
export async function countLines(path: string): Promise<number> {
  let lines = 0;
  let last = 0x0a;
  for await (const chunk of chunksOf(path)) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
    last = chunk.at(-1) ?? last;
  }
  return last === 0x0a ? lines : lines + 1;
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    yield* (path === '-' ? process.stdin : createReadStream(path)) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', wordsOf(error), { cause: error });
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder; `depthlake check` reads folders',
  EACCES: 'may not be read',
};

function wordsOf(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? reasonOf(error);
}

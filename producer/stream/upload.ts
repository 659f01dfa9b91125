/** What a session leaves in its spill, put where recovery takes it from: for tasks whose disk ends with them. */
import { readFile } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Spill } from './spill.ts';

/** Stores an object whole, or rejects. */
export type PutObject = (key: string, bytes: Uint8Array) => Promise<void>;

export interface UploadResult {
  readonly segments: number;
  readonly rows: number;
  /** Segments that stay on the disk. */
  readonly left: number;
}

/**
 * Puts the segments of a closed spill to `<prefix><session>/<n>.seg`, and removes each once it is there. Ends at the first
 * that is refused: who is asked to stop cannot wait for a store that is away.
 * @param prefix empty, or ends with a slash
 */
export async function uploadSpill(spill: Spill, prefix: string, put: PutObject, log: Log): Promise<UploadResult> {
  const result = { segments: 0, rows: 0 };
  for (const segment of spill.segments) {
    const { session, number, file, remainingRows } = segment;
    const key = `${prefix}${session}/${number}.seg`;
    try {
      await put(key, await readFile(file));
      await spill.remove(segment);
      result.segments += 1;
      result.rows += remainingRows;
    } catch (error) {
      log('error', 'spill_not_uploaded', { key, left: spill.segments.length, reason: reasonOf(error) });
      break;
    }
  }
  if (result.segments > 0) log('info', 'spill_uploaded', { ...result });
  return { ...result, left: spill.segments.length };
}

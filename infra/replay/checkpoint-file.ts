/** The checkpoint of a replay in a file. */
import { readFile } from 'node:fs/promises';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { CheckpointStore } from '../../producer/replay/checkpoint.ts';
import { putWhole } from '../local/s3.ts';
import { writeFailure } from './sinks/write-failure.ts';

/**
 * The file holds a whole checkpoint at any moment, also when the machine is switched off while one is written.
 * @throws read: DL_FILE_UNREADABLE; write: DL_DISK_FULL, DL_OUTPUT_FAILED
 */
export function checkpointFile(file: string): CheckpointStore {
  return {
    read: async () => {
      try {
        return await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(error)}`, { cause: error });
      }
    },
    write: (text) =>
      putWhole(file, text).catch((error) => {
        throw writeFailure(file, error);
      }),
  };
}

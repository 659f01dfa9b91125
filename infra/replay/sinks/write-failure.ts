import { DepthlakeError } from '../../../producer/errors.ts';
import { writeError } from '../../local/s3.ts';

/** The error of a sink that could not write a file: DL_DISK_FULL, else DL_OUTPUT_FAILED; either names the file. */
export function writeFailure(file: string, thrown: unknown): DepthlakeError {
  const error = thrown instanceof DepthlakeError ? thrown : writeError(file, thrown);
  if (error.code !== 'DL_DATA_FOLDER') return error;
  return new DepthlakeError('DL_OUTPUT_FAILED', error.message, { cause: thrown });
}

import { DepthlakeError } from '../../../producer/errors.ts';
import type { Json } from '../../../producer/replay/sink.ts';

/**
 * The one number in a sink's part of a checkpoint.
 * @throws DL_CHECKPOINT_INVALID where it is no count
 */
export function countIn(state: Json, name: string): number {
  const value = (state as Readonly<Record<string, Json>> | null)?.[name];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new DepthlakeError(
    'DL_CHECKPOINT_INVALID',
    `the checkpoint's sink has no count of ${name}: it is of another sink`,
  );
}

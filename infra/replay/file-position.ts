/** Where a replay of container files is, as text that a checkpoint keeps. */
import { DepthlakeError } from '../../producer/errors.ts';
import type { ResumePoint } from '../../producer/replay/source.ts';

/** The order in which files are read: by time, then key, then block. */
export interface Place {
  /** No row of it is earlier, UTC epoch ms. */
  readonly ms: number;
  readonly key: string;
  /** 0: the whole file; else the byte at which the block begins. */
  readonly block: number;
}

export interface Taken {
  readonly place: Place;
  /**
   * Where the next place was, UTC epoch ms: everything before it had been taken. Hours that were sealed since lie in
   * other files, and in blocks that begin elsewhere; this still tells which of their rows came before.
   */
  readonly nextMs: number;
}

export function comparePlaces(a: Place, b: Place): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return a.block - b.block;
}

export function isTaken(place: Place, taken: Taken): boolean {
  return place.ms < taken.nextMs || comparePlaces(place, taken.place) <= 0;
}

export function positionText({ ms, key, block }: Place, nextMs: number): string {
  return `${ms}/${nextMs}/${block}/${key}`;
}

/** @returns null where nothing was taken @throws DL_CHECKPOINT_INVALID */
export function takenOf(resume: ResumePoint | null): Taken | null {
  const text = resume?.taken[''];
  if (text === undefined) return null;
  const [, ms, nextMs, block, key] = /^(-?\d+)\/(-?\d+|Infinity)\/(\d+)\/(.+)$/s.exec(text) ?? [];
  if (key === undefined) throw new DepthlakeError('DL_CHECKPOINT_INVALID', `"${text}" is no position in files`);
  return { place: { ms: Number(ms), key, block: Number(block) }, nextMs: Number(nextMs) };
}

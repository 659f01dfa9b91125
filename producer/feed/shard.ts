/**
 * Rendezvous hashing: each symbol belongs to the shard that draws the highest number for it, so producers agree without
 * a coordinator, and a further shard takes symbols from the others without moving any between them.
 */
import { createHash } from 'node:crypto';
import type { Shard } from '../config.ts';

/** Whether the symbol is one of those that this shard records. */
export function inShard(venue: string, symbol: string, shard: Shard): boolean {
  return shard.count === 1 || shardOf(venue, symbol, shard.count) === shard.index;
}

/** @returns 1 to `count` */
function shardOf(venue: string, symbol: string, count: number): number {
  let winner = 1;
  let highest = '';
  for (let index = 1; index <= count; index += 1) {
    const draw = createHash('sha256').update(`${venue}/${symbol}#${index}`).digest('hex');
    if (draw <= highest) continue;
    winner = index;
    highest = draw;
  }
  return winner;
}

/** Which producers a deployment runs: one for each shard of symbols, and with `redundancy: 2` two. */
import type { Shard } from '../../producer/config.ts';
import { inShard } from '../../producer/feed/shard.ts';
import type { Deployment } from './settings.ts';

export interface ProducerService {
  /** `1a`: the shard and the letter of the one of two. */
  readonly id: string;
  /** Dimension `producer` of its figures, the same over restarts. */
  readonly producer: string;
  readonly shard: Shard;
  /** From 0. */
  readonly replica: number;
}

const LETTERS = ['a', 'b'] as const;

/** Shard by shard; of two, `a` comes first. */
export function producerServices(
  settings: Pick<Deployment, 'shardsOfSymbols' | 'redundancy'>,
): readonly ProducerService[] {
  return shardsOf(settings).flatMap((shard) =>
    LETTERS.slice(0, settings.redundancy).map((letter, replica) => {
      const id = `${shard.index}${letter}`;
      return { id, producer: `producer-${id}`, shard, replica };
    }),
  );
}

/** Those that would hold none of the symbols named, from 1. What a pattern matches is known to the venue alone. */
export function emptyShards(settings: Pick<Deployment, 'venue' | 'symbols' | 'shardsOfSymbols'>): readonly number[] {
  const { venue, symbols } = settings;
  return shardsOf(settings)
    .filter((shard) => !symbols.some((symbol) => symbol.includes('*') || inShard(venue, symbol, shard)))
    .map(({ index }) => index);
}

function shardsOf({ shardsOfSymbols: count }: Pick<Deployment, 'shardsOfSymbols'>): readonly Shard[] {
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, count }));
}

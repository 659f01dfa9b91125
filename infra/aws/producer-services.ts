/** Which producers a deployment runs: one for each shard of symbols, and with `redundancy: 2` two. */
import type { Shard } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
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

/**
 * Shard by shard; of two, `a` comes first.
 * @throws DL_SETTINGS where a shard would hold none of the symbols named: its producer would refuse to start
 */
export function producerServices(
  settings: Pick<Deployment, 'venue' | 'symbols' | 'shardsOfSymbols' | 'redundancy'>,
): readonly ProducerService[] {
  const { shardsOfSymbols: count, redundancy } = settings;
  const shards = Array.from({ length: count }, (_, i) => ({ index: i + 1, count }));
  const empty = shards.filter((shard) => !holdsSymbols(shard, settings));
  if (empty.length > 0) {
    const which = empty.map(({ index }) => index).join(', ');
    throw new DepthlakeError(
      'DL_SETTINGS',
      `shardsOfSymbols "${count}": of the symbols named, shard ${which} of ${count} would hold none`,
    );
  }
  return shards.flatMap((shard) =>
    LETTERS.slice(0, redundancy).map((letter, replica) => {
      const id = `${shard.index}${letter}`;
      return { id, producer: `producer-${id}`, shard, replica };
    }),
  );
}

/** What a pattern matches is known to the venue alone. */
function holdsSymbols(shard: Shard, { venue, symbols }: Pick<Deployment, 'venue' | 'symbols'>): boolean {
  return symbols.some((symbol) => symbol.includes('*') || inShard(venue, symbol, shard));
}

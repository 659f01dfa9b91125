/** The order in which shards are read across splits and merges: parents to their end before their children. */
import type { Shard } from '@aws-sdk/client-kinesis';

/** Shards that the stream no longer lists, beyond its retention, keep nobody waiting. */
export class Lineage {
  readonly #parents = new Map<string, readonly string[]>();
  readonly #given = new Set<string>();
  readonly #ended = new Set<string>();

  add(shards: readonly Shard[]): void {
    for (const shard of shards) this.#parents.set(shard.ShardId!, parentsOf(shard));
  }

  /** The shards whose turn it is, each given once. */
  take(): string[] {
    const ready = [...this.#parents.keys()].filter(
      (id) => !this.#given.has(id) && !this.#ended.has(id) && this.#isFree(id),
    );
    for (const id of ready) this.#given.add(id);
    return ready;
  }

  /** The shard is read to its end, or nobody wants it. */
  end(shardId: string): void {
    this.#ended.add(shardId);
  }

  /** Whether a shard's children are known, and with them all whom they wait for. */
  knowsChildrenOf(shardId: string): boolean {
    const families = [...this.#parents.values()].filter((parents) => parents.includes(shardId));
    return families.length > 0 && families.flat().every((parent) => this.#parents.has(parent));
  }

  #isFree(shardId: string): boolean {
    return this.#parents.get(shardId)!.every((parent) => !this.#parents.has(parent) || this.#ended.has(parent));
  }
}

/** Whether a shard takes no more records: it was split or merged. */
export function isClosed(shard: Shard): boolean {
  return shard.SequenceNumberRange?.EndingSequenceNumber !== undefined;
}

function parentsOf(shard: Shard): string[] {
  return [shard.ParentShardId, shard.AdjacentParentShardId].filter((parent) => parent !== undefined);
}

/** The records of all shards in the order of their arrival, across splits and merges. */
import { type _Record, type Shard, ShardIteratorType } from '@aws-sdk/client-kinesis';
import { DepthlakeError } from '../../../producer/errors.ts';
import type { KinesisCalls, Position } from '../../kinesis/calls.ts';
import { Lineage } from '../../kinesis/lineage.ts';
import type { Beginning } from './beginning.ts';
import { type Calling, persist } from './failures.ts';
import { OpenShard } from './open-shard.ts';
import { Progress, type ShardReader } from './reader.ts';

interface ArrivalOptions {
  readonly beginning: Beginning;
  /** Those listed when the reading began. */
  readonly shards: readonly Shard[];
  /** Records that arrived later are not read; UTC epoch ms. */
  readonly limitMs: number;
  /** Whether a shard is read on where it has nothing more. */
  readonly follow: boolean;
  readonly readerOf: (shardId: string, progress: Progress) => ShardReader;
  readonly calls: KinesisCalls;
  readonly calling: Calling;
}

export interface Arrival {
  readonly shardId: string;
  /** Null where nothing arrived, but the frontier moved. */
  readonly record: _Record | null;
  /** No later record arrived before, UTC epoch ms; never falls. */
  readonly frontierMs: number;
}

/** Reads on from the shard that is furthest behind. */
export class Arrivals {
  readonly #options: ArrivalOptions;
  readonly #listed: ReadonlySet<string>;
  readonly #lineage = new Lineage();
  readonly #open = new Set<OpenShard>();
  #frontierMs = Number.NEGATIVE_INFINITY;

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#listed = new Set(options.shards.map((shard) => shard.ShardId!));
    this.#lineage.add(options.shards);
    for (const shardId of options.beginning.unwanted) this.#lineage.end(shardId);
  }

  async *read(): AsyncGenerator<Arrival, void, undefined> {
    try {
      this.#begin(this.#options.beginning.reachedMs);
      for (let shard = this.#furthestBehind(); shard !== null; shard = this.#furthestBehind()) {
        if (this.#isDone(shard)) this.#leave(shard);
        else if (shard.children !== null) await this.#passOn(shard, shard.children);
        else if (shard.head !== undefined) yield this.#take(shard);
        else if (await this.#advance(shard)) {
          yield { shardId: shard.shardId, record: null, frontierMs: this.#frontierMs };
        }
      }
    } finally {
      for (const shard of this.#open) this.#leave(shard);
    }
  }

  /** @returns whether the frontier rose */
  async #advance(shard: OpenShard): Promise<boolean> {
    try {
      await shard.advance();
    } catch (error) {
      if (!(await this.#isGone(shard.shardId, error))) throw error;
      this.#options.calling.log(`${shard.shardId} is beyond retention by now: nothing of it is left to read`);
      await this.#passOn(shard, []);
    }
    return this.#moveFrontier();
  }

  /** Whether the stream has dropped a closed shard since it was listed, with the last of its records. */
  async #isGone(shardId: string, error: unknown): Promise<boolean> {
    if (!(error instanceof DepthlakeError && error.code === 'DL_STREAM_MISSING')) return false;
    return !(await this.#list()).some((shard) => shard.ShardId === shardId);
  }

  #list(): Promise<Shard[]> {
    const { calls, calling } = this.#options;
    return persist(calling.stream, calling, () => calls.shards());
  }

  #isDone(shard: OpenShard): boolean {
    const { limitMs, follow } = this.#options;
    return shard.reachedMs > limitMs || (shard.isAtTip && !follow);
  }

  #take(shard: OpenShard): Arrival {
    const record = shard.take();
    this.#moveFrontier();
    return { shardId: shard.shardId, record, frontierMs: this.#frontierMs };
  }

  #furthestBehind(): OpenShard | null {
    let found: OpenShard | null = null;
    for (const shard of this.#open) {
      if (found === null || shard.reachedMs < found.reachedMs) found = shard;
    }
    return found;
  }

  /** @returns whether it rose */
  #moveFrontier(): boolean {
    const beforeMs = this.#frontierMs;
    this.#frontierMs = Math.max(beforeMs, this.#furthestBehind()?.reachedMs ?? beforeMs);
    return this.#frontierMs > beforeMs;
  }

  /** @param reachedMs none of the records of the shards whose turn it is arrived before */
  #begin(reachedMs: number): void {
    const { calling, readerOf } = this.#options;
    for (const shardId of this.#lineage.take()) {
      const progress = new Progress(this.#position(shardId), calling.clock.now());
      this.#open.add(new OpenShard(shardId, readerOf(shardId, progress), reachedMs));
    }
  }

  #position(shardId: string): Position {
    const isNew = !this.#listed.has(shardId);
    return isNew ? { ShardIteratorType: ShardIteratorType.TRIM_HORIZON } : this.#options.beginning.position(shardId);
  }

  #leave(shard: OpenShard): void {
    this.#open.delete(shard);
    shard.close();
  }

  /** From a shard that is read to its end to those that follow it. */
  async #passOn(shard: OpenShard, children: readonly Shard[]): Promise<void> {
    this.#leave(shard);
    this.#lineage.end(shard.shardId);
    this.#lineage.add(children);
    if (!this.#lineage.knowsChildrenOf(shard.shardId)) this.#lineage.add(await this.#list());
    this.#begin(shard.reachedMs);
  }
}

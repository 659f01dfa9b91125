/**
 * Reads a Kinesis stream as a delivery stream does: every shard, one GetRecords a second each, parents before their
 * children, at least once.
 */
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
  ShardIteratorType,
} from '@aws-sdk/client-kinesis';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import type { Clock } from '../clock.ts';
import type { DeliveryStats, SourceRecord } from './record.ts';

const READ_EVERY_MS = 1000;
/** While draining: Kinesis allows five GetRecords a second a shard. */
const DRAIN_EVERY_MS = 200;
/** Failures in a row, about two seconds of them, after which a drain gives up. */
const DRAIN_MAX_FAILURES = 10;

export interface SourceOptions {
  readonly client: KinesisClient;
  readonly stream: string;
  readonly position: 'LATEST' | 'TRIM_HORIZON';
  readonly clock: Clock;
  readonly accept: (record: SourceRecord) => void;
  /** Settles when more may be read. */
  readonly room: () => Promise<void>;
  readonly stats: DeliveryStats;
  readonly log: (line: string) => void;
}

export interface KinesisSource {
  /**
   * Settles when every shard was read to its tip after the call.
   * @throws DL_KINESIS_UNREACHABLE
   */
  toTip(): Promise<void>;
  stop(): Promise<void>;
}

/** Settles when the position of every shard is fixed: with LATEST, what is put afterwards will be read. */
export async function readStream(options: SourceOptions): Promise<KinesisSource> {
  const source = new Source(options);
  await source.start();
  return source;
}

interface Reading {
  readonly shardId: string;
  readonly type: 'LATEST' | 'TRIM_HORIZON';
  readonly sinceMs: number;
  iterator: string | undefined;
  lastSequence: string | null;
  failures: number;
  /** The newest call of `toTip` before which a request began that found nothing more. */
  tipOf: number;
}

class Source implements KinesisSource {
  readonly #options: SourceOptions;
  readonly #readings = new Map<string, Reading>();
  readonly #started = new Set<string>();
  readonly #loops = new Set<Promise<void>>();
  readonly #sleepers = new Set<() => void>();
  #changed: (() => void)[] = [];
  #tips = 0;
  #draining = 0;
  #stopped = false;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { position } = this.#options;
    const shards = await this.#shards();
    const known = new Set(shards.map((shard) => shard.ShardId));
    const isRoot = (shard: Shard) => !parentsOf(shard).some((parent) => known.has(parent));
    const isOpen = (shard: Shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined;
    const first = shards.filter(position === 'LATEST' ? isOpen : isRoot);
    if (position === 'LATEST') for (const shard of shards) this.#started.add(shard.ShardId!);
    const readings = first.map((shard) => this.#readingOf(shard.ShardId!, position));
    for (const reading of readings) reading.iterator = await this.#iteratorOf(reading);
    for (const reading of readings) this.#begin(reading);
  }

  async toTip(): Promise<void> {
    this.#tips += 1;
    const tip = this.#tips;
    this.#draining += 1;
    try {
      for (const wake of [...this.#sleepers]) wake();
      while (!this.#stopped && [...this.#readings.values()].some((reading) => reading.tipOf < tip)) {
        const lost = [...this.#readings.values()].find((reading) => reading.failures >= DRAIN_MAX_FAILURES);
        if (lost) throw new DepthlakeError('DL_KINESIS_UNREACHABLE', `${lost.shardId} cannot be read to its tip`);
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      this.#draining -= 1;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const wake of [...this.#sleepers]) wake();
    this.#notify();
    await Promise.all(this.#loops);
  }

  #readingOf(shardId: string, type: Reading['type']): Reading {
    const sinceMs = this.#options.clock.now();
    return { shardId, type, sinceMs, iterator: undefined, lastSequence: null, failures: 0, tipOf: 0 };
  }

  #begin(reading: Reading): void {
    this.#started.add(reading.shardId);
    this.#readings.set(reading.shardId, reading);
    const loop = this.#read(reading).finally(() => this.#loops.delete(loop));
    this.#loops.add(loop);
  }

  async #read(reading: Reading): Promise<void> {
    let ended = false;
    while (!ended && !this.#stopped) {
      await this.#options.room();
      if (this.#stopped) return;
      const beganMs = this.#options.clock.now();
      try {
        ended = await this.#readOnce(reading);
        reading.failures = 0;
      } catch (error) {
        this.#failed(reading, error);
      }
      this.#notify();
      if (!ended) await this.#sleepUntil(beganMs, reading.failures > 0);
    }
    if (!this.#stopped) await this.#follow(reading);
  }

  /** @returns whether the shard is at its end */
  async #readOnce(reading: Reading): Promise<boolean> {
    const { client, accept } = this.#options;
    const tip = this.#tips;
    reading.iterator ??= await this.#iteratorOf(reading);
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: reading.iterator, Limit: 10_000 }));
    const records = answer.Records ?? [];
    for (const record of records) {
      const sequenceNumber = record.SequenceNumber!;
      const arrivalMs = record.ApproximateArrivalTimestamp?.getTime() ?? this.#options.clock.now();
      accept({
        data: Buffer.from(record.Data!),
        arrivalMs,
        metadata: {
          shardId: reading.shardId,
          partitionKey: record.PartitionKey!,
          sequenceNumber,
          subsequenceNumber: '',
          approximateArrivalTimestamp: arrivalMs,
        },
      });
      reading.lastSequence = sequenceNumber;
    }
    reading.iterator = answer.NextShardIterator;
    if (records.length === 0 && (answer.MillisBehindLatest ?? 0) === 0) reading.tipOf = tip;
    return answer.NextShardIterator === undefined;
  }

  #failed(reading: Reading, error: unknown): void {
    const { stats, log, stream } = this.#options;
    stats.readErrors += 1;
    reading.failures += 1;
    if ((error as Error).name === 'ExpiredIteratorException') reading.iterator = undefined;
    else if (reading.failures === 1) log(`reading ${stream}, ${reading.shardId}: ${reasonOf(error)}; trying again`);
  }

  /** Begins with the children of a shard that is read to its end, once their other parents are read too. */
  async #follow({ shardId }: Reading): Promise<void> {
    let shards: Shard[] | null = null;
    while (shards === null && !this.#stopped) {
      try {
        shards = await this.#shards();
      } catch (error) {
        this.#options.stats.readErrors += 1;
        this.#options.log(`listing the shards of ${this.#options.stream}: ${reasonOf(error)}; trying again`);
        await this.#sleepUntil(this.#options.clock.now(), true);
      }
    }
    this.#readings.delete(shardId);
    for (const shard of shards ?? []) {
      const waits = parentsOf(shard).some((parent) => this.#readings.has(parent));
      const isChild = parentsOf(shard).includes(shardId);
      if (isChild && !waits && !this.#started.has(shard.ShardId!)) {
        this.#begin(this.#readingOf(shard.ShardId!, 'TRIM_HORIZON'));
      }
    }
    this.#notify();
  }

  async #iteratorOf({ shardId, type, sinceMs, lastSequence }: Reading): Promise<string | undefined> {
    const { client, stream, clock } = this.#options;
    // An iterator at LATEST that expired before it met a record: what came since is still wanted.
    const late = type === 'LATEST' && clock.now() > sinceMs && this.#readings.has(shardId);
    const position =
      lastSequence !== null
        ? { ShardIteratorType: ShardIteratorType.AFTER_SEQUENCE_NUMBER, StartingSequenceNumber: lastSequence }
        : late
          ? { ShardIteratorType: ShardIteratorType.AT_TIMESTAMP, Timestamp: new Date(sinceMs) }
          : { ShardIteratorType: type };
    const answer = await client.send(
      new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...position }),
    );
    return answer.ShardIterator;
  }

  async #shards(): Promise<Shard[]> {
    const { client, stream } = this.#options;
    const shards: Shard[] = [];
    let next: string | undefined;
    do {
      const answer = await client.send(new ListShardsCommand(next ? { NextToken: next } : { StreamName: stream }));
      shards.push(...(answer.Shards ?? []));
      next = answer.NextToken;
    } while (next !== undefined);
    return shards;
  }

  async #sleepUntil(beganMs: number, failed: boolean): Promise<void> {
    const { clock } = this.#options;
    const everyMs = this.#draining > 0 ? DRAIN_EVERY_MS : READ_EVERY_MS;
    const ms = failed ? everyMs : beganMs + everyMs - clock.now();
    if (ms <= 0 || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clock.clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = clock.setTimeout(wake, ms);
      this.#sleepers.add(wake);
    });
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

function parentsOf(shard: Shard): string[] {
  return [shard.ParentShardId, shard.AdjacentParentShardId].filter((parent) => parent !== undefined);
}

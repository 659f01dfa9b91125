/**
 * Reads a Kinesis stream as a delivery stream does: every shard, one GetRecords a second each, parents before their
 * children, at least once.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import { KinesisCalls } from '../../kinesis/calls.ts';
import { isClosed, Lineage } from '../../kinesis/lineage.ts';
import type { Clock } from '../clock.ts';
import type { DeliveryStats, SourceRecord } from './record.ts';
import { ShardReading } from './shard-reading.ts';

const READ_EVERY_MS = 1000;
/** While draining: Kinesis allows five GetRecords a second a shard. */
const DRAIN_EVERY_MS = 200;

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

/**
 * Settles when the position of every shard is fixed: with LATEST, what is put afterwards will be read.
 * @throws DL_KINESIS_UNREACHABLE
 */
export async function readStream(options: SourceOptions): Promise<KinesisSource> {
  const source = new Source(options);
  try {
    await source.start();
  } catch (cause) {
    const message = `the shards of ${options.stream} cannot be read: ${reasonOf(cause)}`;
    throw new DepthlakeError('DL_KINESIS_UNREACHABLE', message, { cause });
  }
  return source;
}

class Source implements KinesisSource {
  readonly #options: SourceOptions;
  readonly #calls: KinesisCalls;
  readonly #readings = new Map<string, ShardReading>();
  readonly #lineage = new Lineage();
  readonly #loops = new Set<Promise<void>>();
  readonly #sleepers = new Set<() => void>();
  #changed: (() => void)[] = [];
  #tips = 0;
  #draining = 0;
  #stopped = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#calls = new KinesisCalls(options.client, options.stream, options.clock);
  }

  async start(): Promise<void> {
    const { position, clock } = this.#options;
    const shards = await this.#calls.shards();
    this.#lineage.add(shards);
    if (position === 'LATEST') for (const shard of shards.filter(isClosed)) this.#lineage.end(shard.ShardId!);
    const readings = this.#lineage.take().map((shardId) => new ShardReading(shardId, position, clock.now()));
    for (const reading of readings) {
      reading.iterator = await this.#calls.iterator(reading.shardId, { ShardIteratorType: position });
    }
    for (const reading of readings) this.#begin(reading);
  }

  async toTip(): Promise<void> {
    this.#tips += 1;
    const tip = this.#tips;
    this.#draining += 1;
    const sinceMs = this.#options.clock.now();
    try {
      for (const wake of [...this.#sleepers]) wake();
      while (!this.#stopped && [...this.#readings.values()].some((reading) => reading.tipOf < tip)) {
        const lost = [...this.#readings.values()].find((reading) => reading.isLost(this.#options.clock.now(), sinceMs));
        if (lost) {
          const message = `${lost.shardId} of ${this.#options.stream} cannot be read to its tip: ${lost.failure}`;
          throw new DepthlakeError('DL_KINESIS_UNREACHABLE', message);
        }
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      this.#draining -= 1;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#calls.stop();
    for (const wake of [...this.#sleepers]) wake();
    this.#notify();
    await Promise.all(this.#loops);
  }

  #begin(reading: ShardReading): void {
    this.#readings.set(reading.shardId, reading);
    const loop = this.#read(reading).finally(() => this.#loops.delete(loop));
    this.#loops.add(loop);
  }

  async #read(reading: ShardReading): Promise<void> {
    let ended = false;
    while (!ended && !this.#stopped) {
      await this.#options.room();
      if (this.#stopped) return;
      const beganMs = this.#options.clock.now();
      try {
        ended = await this.#readOnce(reading);
        reading.answered(this.#options.clock.now());
      } catch (error) {
        if (!this.#stopped) this.#failed(reading, error);
      }
      this.#notify();
      if (!ended) await this.#sleepUntil(beganMs, reading.failures > 0);
    }
    if (!this.#stopped) await this.#follow(reading);
  }

  /** @returns whether the shard is at its end */
  async #readOnce(reading: ShardReading): Promise<boolean> {
    const { accept, clock } = this.#options;
    const tip = this.#tips;
    reading.iterator ??= await this.#calls.iterator(reading.shardId, reading.position(clock.now()));
    const answer = await this.#calls.records(reading.iterator);
    if (this.#stopped) return false;
    const records = answer.Records ?? [];
    for (const record of records) accept(reading.take(record, clock.now()));
    reading.iterator = answer.NextShardIterator;
    const ended = answer.NextShardIterator === undefined;
    // At its end a shard's children may hold more.
    if (!ended && records.length === 0 && (answer.MillisBehindLatest ?? 0) === 0) reading.tipOf = tip;
    return ended;
  }

  #failed(reading: ShardReading, error: unknown): void {
    const { stats, log, stream } = this.#options;
    stats.readErrors += 1;
    reading.failed(error);
    const { iterator, failures, failure } = reading;
    if (iterator !== undefined && failures === 1)
      log(`reading ${stream}, ${reading.shardId}: ${failure}; trying again`);
  }

  /** Begins with the children of a shard that is read to its end, once their other parents are read too. */
  async #follow(reading: ShardReading): Promise<void> {
    const { clock } = this.#options;
    const { shardId } = reading;
    for (let listed = false; !listed && !this.#stopped; ) {
      try {
        this.#lineage.add(await this.#calls.shards());
        listed = true;
      } catch (error) {
        if (this.#stopped) return;
        this.#failed(reading, error);
        this.#notify();
        await this.#sleepUntil(clock.now(), true);
      }
    }
    this.#readings.delete(shardId);
    this.#lineage.end(shardId);
    for (const child of this.#lineage.take()) this.#begin(new ShardReading(child, 'TRIM_HORIZON', clock.now()));
    this.#notify();
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

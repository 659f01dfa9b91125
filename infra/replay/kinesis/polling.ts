/** Reads a shard with GetRecords. */
import type { KinesisCalls } from '../../kinesis/calls.ts';
import { type Calling, Patience } from './failures.ts';
import { pause } from './pause.ts';
import { childrenOf, type Progress, type ShardAnswer, type ShardReader } from './reader.ts';

/** Kinesis takes five calls a second a shard, of all who poll it together. */
const CALL_EVERY_MS = 200;
/** At the tip, which leaves four of the five to others. */
const TIP_CALL_EVERY_MS = 1000;

export class PollingReader implements ShardReader {
  readonly #shardId: string;
  readonly #progress: Progress;
  readonly #calls: KinesisCalls;
  readonly #calling: Calling;
  readonly #patience: Patience;
  #iterator: string | undefined;
  #nextCallMs = Number.NEGATIVE_INFINITY;

  constructor(shardId: string, progress: Progress, calls: KinesisCalls, calling: Calling) {
    this.#shardId = shardId;
    this.#progress = progress;
    this.#calls = calls;
    this.#calling = calling;
    this.#patience = new Patience(`${shardId} of ${calling.stream}`, calling);
  }

  async next(): Promise<ShardAnswer> {
    for (;;) {
      await this.#turn();
      try {
        const answer = await this.#ask();
        this.#patience.answered();
        return answer;
      } catch (error) {
        if ((error as Error).name === 'ExpiredIteratorException') this.#iterator = undefined;
        await this.#patience.failed(error);
      }
    }
  }

  close(): void {}

  async #ask(): Promise<ShardAnswer> {
    const { clock } = this.#calling;
    this.#iterator ??= await this.#calls.iterator(this.#shardId, this.#progress.position(clock.now()));
    const askedMs = clock.now();
    this.#nextCallMs = askedMs + CALL_EVERY_MS;
    const answer = await this.#calls.records(this.#iterator);
    this.#iterator = answer.NextShardIterator;
    const records = answer.Records ?? [];
    if (records.length > 0) this.#progress.read(records.at(-1)!.SequenceNumber!);
    // It counts in ms: records of the last one read may follow an answer that holds some.
    const ended = answer.NextShardIterator === undefined;
    const atTip = !ended && records.length === 0 && answer.MillisBehindLatest === 0;
    if (atTip) this.#nextCallMs = askedMs + TIP_CALL_EVERY_MS;
    return { records, tipMs: atTip ? askedMs : null, children: ended ? childrenOf(answer.ChildShards) : null };
  }

  async #turn(): Promise<void> {
    const { clock, signal } = this.#calling;
    const waitMs = this.#nextCallMs - clock.now();
    if (waitMs > 0) await pause(waitMs, clock, signal);
  }
}

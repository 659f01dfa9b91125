/** A replay: from a source into a sink, with a checkpoint after what the sink accepted. */
import { ReplayBatches } from './batches.ts';
import { Checkpoints, type CheckpointTarget } from './checkpoints.ts';
import type { ReplaySummary } from './counts.ts';
import type { ReplayClock, ReplayOptions, ReplayProgress } from './options.ts';
import type { Sink } from './sink.ts';

/** How often the progress is told and a checkpoint thought of, while rows come or not. */
const PULSE_MS = 250;

interface RunOptions extends ReplayOptions {
  /** Opened with the state of the checkpoint to go on from. It is closed in the end, whatever happens. */
  readonly sink: Sink;
  readonly checkpoint: CheckpointTarget | null;
  readonly onProgress?: (progress: ReplayProgress) => void;
}

/**
 * Replays the selection into the sink. Where the source fails, or a problem ends a strict replay, what went out before
 * is accepted and the checkpoint is written before that is thrown; where the sink or the checkpoint fails, the last
 * checkpoint stays. An aborted signal ends it in good order: `done` is false then.
 */
export async function runReplay(options: RunOptions): Promise<ReplaySummary> {
  const { sink, clock } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const batches = new ReplayBatches({ ...options, signal }, options.checkpoint?.last ?? null);
  const checkpoints = new Checkpoints(options.checkpoint, batches, sink, clock);
  const rows = batches.read();
  let failure: { readonly error: unknown } | null = null;
  const next = () =>
    rows.next().catch((error: unknown): IteratorReturnResult<void> => {
      failure = { error };
      return { done: true, value: undefined };
    });

  let writes = 0;
  const pulse = async () => {
    options.onProgress?.(batches.progress);
    checkpoints.note(writes);
    await checkpoints.whenDue();
  };
  const pulses = new Pulses(clock, stop.signal, pulse);
  try {
    await checkpoints.begin();
    for (;;) {
      const { done, value } = await pulses.during(next());
      if (done) break;
      await sink.write(value);
      writes += 1;
      checkpoints.note(writes);
      await pulses.whenDue();
    }
    checkpoints.note(writes);
    await checkpoints.finish(await sink.end());
    options.onProgress?.(batches.progress);
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  } catch (error) {
    stop.abort();
    await rows.return();
    await sink.close().catch(() => {});
    throw error;
  }
  stop.abort();
  await sink.close();
  return batches.summary;
}

/** Calls `pulse` once in PULSE_MS: between two batches, and while the next one is waited for. */
class Pulses {
  readonly #clock: ReplayClock;
  readonly #signal: AbortSignal;
  readonly #pulse: () => Promise<void>;
  #lastMs: number;
  #timer: Promise<null> | null = null;

  constructor(clock: ReplayClock, signal: AbortSignal, pulse: () => Promise<void>) {
    this.#clock = clock;
    this.#signal = signal;
    this.#pulse = pulse;
    this.#lastMs = clock.now();
  }

  async whenDue(): Promise<void> {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastMs < PULSE_MS) return;
    this.#lastMs = nowMs;
    await this.#pulse();
  }

  async during<T extends object>(next: Promise<T>): Promise<T> {
    for (;;) {
      // One timer for as many batches as come meanwhile.
      this.#timer ??= this.#sleep();
      const result = await Promise.race([next, this.#timer]);
      if (result !== null) return result;
      await this.whenDue();
    }
  }

  async #sleep(): Promise<null> {
    await this.#clock.sleep(PULSE_MS, this.#signal).catch(() => {});
    this.#timer = null;
    return null;
  }
}

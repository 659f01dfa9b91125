/** Asks the sink what it accepted, and writes down where the replay can go on. */
import type { ReplayBatches } from './batches.ts';
import type { Checkpoint, CheckpointStore, Fingerprint } from './checkpoint.ts';
import type { FlowState, SeenThen } from './flow.ts';
import type { ReplayClock } from './options.ts';
import type { Accepted, Sink } from './sink.ts';

/** How often a sink is asked. */
const INTERVAL_MS = 1000;

/** Writing checkpoints takes a twentieth of the time at most: one of very many sessions is large, and written less often. */
const PAUSE_PER_MS = 20;

/**
 * Writes of which it is noted where the rows stood then, the latest ones: a sink is asked once a second, and says so of a
 * write of the last second, or of one that is behind by what it holds.
 */
const NOTED_MAX = 10_000;

export interface CheckpointTarget {
  readonly store: CheckpointStore;
  readonly replay: Fingerprint;
  /** What `readCheckpoint` gave: the replay goes on from there. */
  readonly last: Checkpoint | null;
}

export class Checkpoints {
  readonly #target: CheckpointTarget | null;
  readonly #batches: ReplayBatches;
  readonly #sink: Sink;
  readonly #clock: ReplayClock;
  /** Where the rows stood after so many writes. */
  #noted: { readonly writes: number; readonly state: FlowState; readonly seenThen: SeenThen }[] = [];
  #written = '';
  #dueMs: number;

  /** @param target null: the sink is asked all the same, as that makes what it holds leave */
  constructor(target: CheckpointTarget | null, batches: ReplayBatches, sink: Sink, clock: ReplayClock) {
    this.#target = target;
    this.#batches = batches;
    this.#sink = sink;
    this.#clock = clock;
    this.#dueMs = clock.now() + INTERVAL_MS;
  }

  /** Before the first write: a process that is killed after it leaves something that only its state can go on behind. */
  async begin(): Promise<void> {
    if (this.#target === null || this.#target.last !== null) return;
    this.note(0);
    await this.#write(await this.#sink.accepted(), false);
  }

  /**
   * After each write, before the next batch is asked for, and while that is waited for.
   * @param writes how many batches the sink was given
   */
  note(writes: number): void {
    // A batch that the sink was not given yet is on its way.
    if (this.#target === null || this.#batches.batches !== writes) return;
    const { state } = this.#batches;
    if (state === null) return;
    if (this.#noted.at(-1)?.writes === writes) this.#noted.pop();
    if (this.#noted.length === NOTED_MAX) this.#noted.shift();
    this.#noted.push({ writes, state, seenThen: this.#batches.seenThen });
  }

  async whenDue(): Promise<void> {
    const beganMs = this.#clock.now();
    if (beganMs < this.#dueMs) return;
    await this.#write(await this.#sink.accepted(), false);
    const endedMs = this.#clock.now();
    this.#dueMs = endedMs + Math.max(INTERVAL_MS, PAUSE_PER_MS * (endedMs - beganMs));
  }

  /** The last one. @param accepted what the sink's `end` gave */
  async finish(accepted: Accepted): Promise<void> {
    await this.#write(accepted, this.#batches.done);
  }

  /**
   * What a sink remembers belongs to the very write that it names. One that remembers nothing takes rows again, so an
   * earlier write will do.
   */
  async #write({ writes, state: sink }: Accepted, done: boolean): Promise<void> {
    const reached = this.#noted.findLast(
      (noted) => noted.writes === writes || (sink === null && noted.writes < writes),
    );
    if (reached === undefined || this.#target === null) return;
    this.#noted = this.#noted.filter((noted) => noted.writes >= reached.writes);
    const { store, replay } = this.#target;
    const { fromMs, toMs } = this.#batches.selection;
    const times = { from_ms: orOpen(fromMs), to_ms: orOpen(toMs) };
    const checkpoint: Checkpoint = {
      version: 1,
      replay,
      ...times,
      ...reached.state,
      seen: reached.seenThen.seen ?? this.#batches.seen,
      sink,
      done,
    };
    const text = `${JSON.stringify(checkpoint)}\n`;
    if (text === this.#written) return;
    await store.write(text);
    this.#written = text;
  }
}

function orOpen(timeMs: number): number | null {
  return Number.isFinite(timeMs) ? timeMs : null;
}

/** Whether Kinesis accepts packs: tells when it begins to refuse and when it takes them again, not each refusal. */
import type { Log } from '../log.ts';
import type { PutOutcome } from './lanes.ts';

export class KinesisWatch {
  readonly #log: Log;
  /** When it last accepted a pack, UTC epoch ms. */
  lastAcceptedMs: number | null = null;
  /** Since when it refuses, UTC epoch ms; null: it accepts, as far as is known. */
  failingSinceMs: number | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  answered(acceptedPacks: number, refusal: PutOutcome, nowMs: number, queuedBytes: number): void {
    if (acceptedPacks > 0) this.lastAcceptedMs = nowMs;
    const wasFailing = this.failingSinceMs !== null;
    if (refusal !== null && !wasFailing) this.#log('warn', 'kinesis_refuses', { reason: refusal });
    if (refusal === null && wasFailing) this.#log('info', 'kinesis_accepts', { queued_bytes: queuedBytes });
    this.failingSinceMs = refusal === null ? null : (this.failingSinceMs ?? nowMs);
  }
}

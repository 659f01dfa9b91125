/** What is told of spilling: its begin and end, a disk that takes no more, and damage; each change once. */
import type { FeedEvent } from '../feed/observation.ts';
import type { Log, LogLevel } from '../log.ts';
import type { Pack } from './packs.ts';
import type { SpillDamage } from './spill.ts';

export class SpillWatch {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #onEvent: (event: FeedEvent) => void;
  #since: { readonly ms: number; packs: number; bytes: number } | null = null;
  #full = false;

  constructor(log: Log, now: () => number, onEvent: (event: FeedEvent) => void = () => {}) {
    this.#log = log;
    this.#now = now;
    this.#onEvent = onEvent;
  }

  begin(detail: Readonly<Record<string, unknown>>): void {
    if (this.#since !== null) return;
    const ms = this.#now();
    this.#since = { ms, packs: 0, bytes: 0 };
    this.#tell('warn', 'spill_began', ms, detail);
  }

  /** A pack is on disk. */
  count({ data }: Pack): void {
    if (this.#since === null) return;
    this.#since.packs += 1;
    this.#since.bytes += data.length;
  }

  /** Everything that was spilled is accepted. */
  end(): void {
    if (this.#since === null) return;
    const { ms, packs, bytes } = this.#since;
    const toMs = this.#now();
    this.#since = null;
    this.#full = false;
    this.#tell('info', 'spill_ended', toMs, { packs, bytes, ms: toMs - ms }, { from_ms: ms, to_ms: toMs });
  }

  full(reason: string, queuedBytes: number): void {
    if (this.#full) return;
    this.#full = true;
    this.#tell('error', 'spill_full', this.#now(), { reason, queued_bytes: queuedBytes });
  }

  hasRoom(): void {
    if (this.#full) this.#log('info', 'spill_has_room');
    this.#full = false;
  }

  damaged(damage: SpillDamage | null): void {
    if (damage !== null) this.#tell('error', 'spill_damaged', this.#now(), { ...damage });
  }

  #tell(
    level: LogLevel,
    kind: string,
    atMs: number,
    detail: object,
    times: Pick<FeedEvent, 'from_ms' | 'to_ms'> = {},
  ): void {
    this.#log(level, kind, { ...detail });
    this.#onEvent({ timestamp_ms: atMs, kind, ...times, detail });
  }
}

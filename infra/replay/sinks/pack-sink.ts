/**
 * A sink of packs, whatever carries them: rows are packed as live ones are, and a write counts as accepted once every pack
 * with a row of it, or of an earlier one, is in the stream. What is not accepted is written again when the replay goes
 * on: at least once, with the same identity.
 */
import { DepthlakeError } from '../../../producer/errors.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Accepted, Sink } from '../../../producer/replay/sink.ts';
import { memoryOf } from '../../../producer/stream/memory.ts';
import { type CollectedPack, PackBuilder } from '../../../producer/stream/packs.ts';

/** Brings packs into a stream, again and again until they are in. */
export interface Carrier {
  carry(pack: CollectedPack): void;
  /** Sends nothing more. */
  stop(): void;
}

/** What a carrier tells of. */
export interface CarrierEvents {
  readonly onAccepted: (pack: CollectedPack) => void;
  /** It cannot go on. */
  readonly onFailed: (error: DepthlakeError) => void;
}

/** Packs that wait for their answer; beyond it `write` waits. The packs of one write more are the most that it can be. */
const CARRIED_MAX_BYTES = 16 * 1024 * 1024;
/** Lines in open packs; beyond it all of them leave, full or not. */
const OPEN_MAX_BYTES = 8 * 1024 * 1024;

export class PackSink implements Sink {
  readonly #builder: PackBuilder;
  readonly #carrier: Carrier;
  /** Packs that are not in the stream yet, by their number; the first is the oldest. */
  readonly #carried = new Map<CollectedPack, number>();
  #carriedBytes = 0;
  #packs = 0;
  #writes = 0;
  /** Moments at which no pack was open: the writes and packs until then. */
  #cuts: { readonly writes: number; readonly packs: number }[] = [];
  #acceptedWrites = 0;
  #failure: DepthlakeError | null = null;
  #wake: () => void = () => {};

  /** @param lanes number of partition keys */
  constructor(lanes: number, open: (events: CarrierEvents) => Carrier) {
    this.#builder = new PackBuilder(lanes);
    this.#carrier = open({
      onAccepted: (pack) => this.#onAccepted(pack),
      onFailed: (error) => this.#fail(error),
    });
  }

  async write(rows: readonly TableRow[]): Promise<void> {
    this.#throwFailure();
    // Nothing lingers here: packs leave when they are full, or when it is asked what is accepted.
    for (const row of rows) this.#carry(this.#builder.add(row, 0));
    this.#writes += 1;
    if (this.#builder.openBytes > OPEN_MAX_BYTES) this.#cut();
    await this.#until(() => this.#carriedBytes <= CARRIED_MAX_BYTES);
  }

  async accepted(): Promise<Accepted> {
    this.#throwFailure();
    this.#cut();
    return this.#acceptedNow();
  }

  async end(): Promise<Accepted> {
    this.#cut();
    await this.#until(() => this.#carried.size === 0);
    return this.#acceptedNow();
  }

  async close(): Promise<void> {
    this.#carrier.stop();
    this.#failure ??= new DepthlakeError('DL_SINK_FAILED', 'the sink was closed before everything was accepted');
    this.#wake();
  }

  #cut(): void {
    this.#carry(this.#builder.closeOpenedBy(Number.POSITIVE_INFINITY));
    if (this.#cuts.at(-1)?.writes !== this.#writes) this.#cuts.push({ writes: this.#writes, packs: this.#packs });
  }

  #carry(packs: readonly CollectedPack[]): void {
    for (const pack of packs) {
      this.#packs += 1;
      this.#carried.set(pack, this.#packs);
      this.#carriedBytes += memoryOf(pack);
      this.#carrier.carry(pack);
    }
  }

  #onAccepted(pack: CollectedPack): void {
    this.#carried.delete(pack);
    this.#carriedBytes -= memoryOf(pack);
    this.#wake();
  }

  #acceptedNow(): Accepted {
    const oldest = this.#carried.values().next().value ?? Number.POSITIVE_INFINITY;
    while (this.#cuts.length > 0 && this.#cuts[0]!.packs < oldest) this.#acceptedWrites = this.#cuts.shift()!.writes;
    return { writes: this.#acceptedWrites, state: null };
  }

  /** At most one of `write` and `end` waits at a time. */
  async #until(holds: () => boolean): Promise<void> {
    for (;;) {
      this.#throwFailure();
      if (holds()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #fail(error: DepthlakeError): void {
    this.#failure ??= error;
    this.#carrier.stop();
    this.#wake();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

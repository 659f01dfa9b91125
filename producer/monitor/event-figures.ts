/** What feed events and the feed's signals add up to. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { FeedEvent } from '../feed/observation.ts';
import type { FeedSignal } from '../feed/signal.ts';

export class EventFigures {
  readonly #events: Counter<'kind'>;
  readonly #gaps: Counter;
  readonly #gapSeconds: Counter;
  readonly #reconnects: Counter;
  readonly #handOvers: Counter;
  readonly #resyncs: Counter;
  readonly #openSlots = new Set<number>();
  readonly #knownSlots = new Set<number>();
  readonly #seeded = new Set<string>();
  #lastFrameMs: number | null = null;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    this.#events = new Counter({
      name: 'depthlake_events_total',
      help: 'Feed events by kind.',
      labelNames: ['kind'],
      registers,
    });
    this.#gaps = counter('depthlake_gaps_total', 'Gaps, counted once for each symbol that they befell.');
    this.#gapSeconds = counter('depthlake_gap_seconds_total', 'Length of the gaps, summed over symbols.');
    this.#reconnects = counter('depthlake_reconnects_total', 'Connections opened again after an outage.');
    this.#handOvers = counter('depthlake_hand_overs_total', 'Connections replaced without an outage.');
    this.#resyncs = counter('depthlake_book_resyncs_total', 'Books seeded again after they were lost.');
    const openSlots = this.#openSlots;
    new Gauge({
      name: 'depthlake_connections',
      help: 'Slots that have a connection to the exchange.',
      registers,
      collect() {
        this.set(openSlots.size);
      },
    });
  }

  /** When the last frame or diff came, UTC epoch ms. */
  get lastFrameMs(): number | null {
    return this.#lastFrameMs;
  }

  signal(signal: FeedSignal): void {
    switch (signal.kind) {
      case 'message':
        if (signal.message.kind === 'frame' || signal.message.kind === 'diff') this.#lastFrameMs = signal.atMs;
        break;
      case 'opened':
        if (this.#knownSlots.has(signal.slot)) this.#reconnects.inc();
        this.#knownSlots.add(signal.slot);
        this.#openSlots.add(signal.slot);
        break;
      case 'closed':
        this.#openSlots.delete(signal.slot);
        break;
      case 'handed_over':
        this.#handOvers.inc();
        break;
    }
  }

  event(event: FeedEvent): void {
    this.#events.inc({ kind: event.kind });
    const symbol = event.symbol ?? '';
    switch (event.kind) {
      case 'gap':
        this.#gaps.inc();
        this.#gapSeconds.inc(secondsOf(event));
        break;
      case 'book_seeded':
        if (this.#seeded.has(symbol)) this.#resyncs.inc();
        this.#seeded.add(symbol);
        break;
      case 'delisted':
        this.#seeded.delete(symbol);
        break;
    }
  }
}

/** A clock that was set back may end a gap before it began. */
function secondsOf({ from_ms, to_ms }: FeedEvent): number {
  return typeof from_ms === 'number' && typeof to_ms === 'number' ? Math.max(0, to_ms - from_ms) / 1000 : 0;
}

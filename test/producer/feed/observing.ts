/** What a feed signals, and what its observers make of it, under a clock of its own. */
import { Subject } from 'rxjs';
import type { BookMode } from '../../../producer/config.ts';
import { Counters } from '../../../producer/counters.ts';
import type { FeedEvent, Observation, Snapshot } from '../../../producer/feed/observation.ts';
import { observe as observeFeed } from '../../../producer/feed/observe.ts';
import { Restarts } from '../../../producer/feed/restarts.ts';
import type { FeedSignal } from '../../../producer/feed/signal.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import type { SymbolState } from '../../../producer/state/store.ts';
import { frameText } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** When what is observed ends. */
export const END_MS = 1_000_000;
export const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];

const venue = venueOf('local');
const read = venue.reader(SYMBOLS, 'witness');

export type Seed = { readonly kind: 'seed'; readonly atMs: number; readonly symbol: string; readonly book: RestBook };
export type Step = FeedSignal | Seed;

export const opened = (atMs: number, slot = 0, symbols = SYMBOLS): FeedSignal => ({
  kind: 'opened',
  atMs,
  slot,
  symbols,
});
export const closed = (atMs: number, slot = 0, symbols = SYMBOLS): FeedSignal => ({
  kind: 'closed',
  atMs,
  reason: 'code 1006',
  slot,
  symbols,
});
export const handedOver = (atMs: number, symbols = SYMBOLS): FeedSignal => ({
  kind: 'handed_over',
  atMs,
  slot: 0,
  reason: 'life',
  overlapMs: 1_000,
  symbols,
});
export const silent = (atMs: number, symbols = SYMBOLS): FeedSignal => ({ kind: 'silent', atMs, slot: 0, symbols });
export const message = (atMs: number, text: string, slot = 0): FeedSignal => ({
  kind: 'message',
  atMs,
  text,
  slot,
  message: read(text),
});

export function frame(atMs: number, id: number, symbol = 'BTCUSDT'): FeedSignal {
  return message(atMs, frameText(symbol, id));
}

export type Side = readonly (readonly [price: string, quantity: string])[];

/** A diff as the venue sends it; its event time is 7 ms before its receive time. */
export function diff(atMs: number, firstId: number, lastId: number, bids: Side = [], asks: Side = []): FeedSignal {
  const data = { e: 'depthUpdate', E: atMs - 7, s: 'BTCUSDT', U: firstId, u: lastId, b: bids, a: asks };
  return message(atMs, JSON.stringify({ stream: 'btcusdt@depth@100ms', data }));
}

export const BIDS: Side = [
  ['99', '1'],
  ['98', '1'],
];
export const ASKS: Side = [
  ['101', '2'],
  ['102', '2'],
];

/** A whole book of the REST side. */
export function seed(atMs: number, lastUpdateId: number, bids: Side = BIDS, asks: Side = ASKS): Seed {
  const book = venue.book('BTCUSDT').read({ lastUpdateId, bids, asks })!;
  return { kind: 'seed', atMs, symbol: 'BTCUSDT', book };
}

export interface ObserveOptions {
  readonly book?: BookMode;
  readonly rawLevels?: boolean;
  readonly previous?: readonly SymbolState[];
  readonly recheck?: (symbol: string) => Promise<SymbolState | null>;
}

export interface Logged {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Observes under a clock that the steps move. */
export function observing({ book = 'depth20', rawLevels = false, previous = [], recheck }: ObserveOptions = {}) {
  const clock = new VirtualClock();
  const counters = new Counters();
  const log: Logged[] = [];
  const requests: string[] = [];
  const observations: Observation[] = [];
  const signals = new Subject<FeedSignal>();
  const results = new Subject<{ symbol: string; book: RestBook }>();
  const delisted = new Subject<readonly string[]>();
  const note = (_: unknown, event: string, fields = {}) => void log.push({ event, fields });
  const restarts = new Restarts({
    previous: new Map(previous.map((state) => [state.symbol, state])),
    sessionId: 'this session',
    scheduler: clock,
    log: note,
    ...(recheck && { recheck }),
  });
  const seeds = {
    results,
    request: (symbol: string, urgency: string) => void requests.push(`${symbol} ${urgency} ${clock.now()}`),
    cancel: (symbol: string) => void requests.push(`${symbol} cancel ${clock.now()}`),
  };
  let completed = false;
  signals
    .pipe(observeFeed({ book, rawLevels, seeds, restarts, delisted, counters, log: note, scheduler: clock }))
    .subscribe({
      next: (observation) => observations.push(observation),
      complete: () => {
        completed = true;
      },
    });

  return {
    clock,
    counters,
    log,
    requests,
    restarts,
    observations,
    delist: (...symbols: string[]) => delisted.next(symbols),
    async play(steps: readonly Step[]): Promise<void> {
      for (const step of steps) {
        if (step.atMs > clock.now()) await clock.advance(step.atMs - clock.now());
        if (step.kind === 'seed') results.next(step);
        else signals.next(step);
      }
    },
    async end(atMs = END_MS): Promise<void> {
      if (atMs > clock.now()) await clock.advance(atMs - clock.now());
      signals.complete();
      if (!completed) throw new Error('the observations did not end');
    },
    get snapshots(): Snapshot[] {
      return observations.filter((observation) => observation.kind === 'snapshot');
    },
    get events(): FeedEvent[] {
      return observations.flatMap((observation) => (observation.kind === 'event' ? [observation.event] : []));
    },
  };
}

/** What observers make of the steps until the end. */
export async function observe(steps: readonly Step[], options: ObserveOptions & { endMs?: number } = {}) {
  const run = observing(options);
  await run.play(steps);
  await run.end(options.endMs);
  const { counters, log, observations, snapshots, events, requests } = run;
  return { counters, log, logged: log.map(({ event }) => event), observations, snapshots, events, requests };
}

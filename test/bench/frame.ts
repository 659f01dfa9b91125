/** Frame → snapshot: the CPU of a frame from its text to its row, against JSON.parse of the same text. */
import { EMPTY, Subject, VirtualTimeScheduler } from 'rxjs';
import { Counters } from '../../producer/counters.ts';
import { observe } from '../../producer/feed/observe.ts';
import { Restarts } from '../../producer/feed/restarts.ts';
import type { FeedSignal } from '../../producer/feed/signal.ts';
import { venueOf } from '../../producer/feed/venues.ts';
import type { TableRow } from '../../producer/record.ts';
import { Session } from '../../producer/session.ts';
import { type Frames, recordedFrames } from './market.ts';
import { type Bench, count, digits, range } from './report.ts';
import { measureRounds, ratioOf, spreadOf } from './rounds.ts';

const OURS = 'frame → row';
const PARSE = 'JSON.parse';

export interface RowOptions {
  readonly rawLevels: boolean;
  readonly sessionId: string;
  readonly venue: string;
}

const DEFAULTS: RowOptions = { rawLevels: false, sessionId: 'bench', venue: 'local' };

/**
 * The producer's own path: reader, depth levels, feed state, identity.
 * @returns sends each frame through it once; `onRow` takes what comes out
 */
export function rowMaker({ symbols, frames }: Frames, onRow: (row: TableRow) => void, options = DEFAULTS): () => void {
  const { rawLevels, sessionId, venue } = options;
  const counters = new Counters();
  const admission = { snapshot: () => true, event: () => true };
  const session = new Session(sessionId, venue, symbols, counters, admission);
  const signals = new Subject<FeedSignal>();
  const read = venueOf('binance.us').reader(symbols, 'depth20');
  // A clock that stands still: no timers run beside what is measured.
  const edge = { scheduler: new VirtualTimeScheduler(), log: () => {} };
  const restarts = new Restarts({ previous: new Map(), sessionId: 'bench', ...edge });
  const seeds = { results: EMPTY, request: () => {}, cancel: () => {} };
  signals
    .pipe(observe({ book: 'depth20', rawLevels, seeds, restarts, delisted: EMPTY, counters, ...edge }))
    .subscribe((observation) => session.rows(observation).forEach(onRow));
  return () => {
    for (const { atMs, text } of frames) signals.next({ kind: 'message', slot: 0, text, atMs, message: read(text) });
  };
}

export const frameBench: Bench = {
  title: 'Frame → snapshot',
  async run({ quick, progress }) {
    const input = recordedFrames();
    const { frames } = input;
    // Nothing is kept, on either side: garbage that lives on would cost more to collect.
    let made = 0;
    const makeRows = rowMaker(input, ({ table }) => {
      if (table === 'order_book') made += 1;
    });
    makeRows();
    if (made < frames.length * 0.9) throw new Error(`only ${made} of ${frames.length} frames gave a snapshot`);

    const snapshots = made;
    const rounds = await measureRounds(
      [
        { name: PARSE, run: () => frames.forEach(({ text }) => void JSON.parse(text)) },
        { name: OURS, run: makeRows },
      ],
      quick ? 5 : 51,
      3,
      progress,
    );
    const perFrame = (name: string) => spreadOf(rounds[name]!.map(({ cpuUs }) => cpuUs / frames.length)).median;
    const bytes = frames.reduce((sum, { text }) => sum + text.length, 0) / frames.length;
    return {
      headline: `${range(ratioOf(rounds, OURS, PARSE, 'cpuUs'))} × the CPU of \`JSON.parse\``,
      lines: [
        'CPU of a frame from its text to its row (parsing, checks, depth levels, feed state, identity), its own `JSON.parse` included, in units of `JSON.parse` of the same text.',
        '',
        `Frames: ${input.source}, ${count(frames.length)} of ${count(bytes)} bytes on average, ${count(snapshots)} snapshots a pass.`,
        `For orientation: ${digits(perFrame(OURS))} µs a frame, ${digits(perFrame(PARSE))} µs for \`JSON.parse\` alone.`,
      ],
    };
  },
};

/** What a feed signals, and what the producer makes of it. */
import { from, lastValueFrom, toArray } from 'rxjs';
import { Counters } from '../../../producer/counters.ts';
import { type FeedEvent, type Observation, observeDepth20, type Snapshot } from '../../../producer/feed/depth20.ts';
import type { FeedSignal } from '../../../producer/feed/feed.ts';
import { frameText } from '../samples.ts';

/** When what is observed ends. */
export const END_MS = 1_000_000;

export const opened = (atMs: number, connection = 0): FeedSignal => ({ kind: 'opened', atMs, connection });
export const closed = (atMs: number, connection = 0): FeedSignal => ({
  kind: 'closed',
  atMs,
  reason: 'code 1006',
  connection,
});
export const message = (atMs: number, text: string, connection = 0): FeedSignal => ({
  kind: 'message',
  atMs,
  text,
  connection,
});

export function frame(atMs: number, id: number, symbol = 'BTCUSDT'): FeedSignal {
  return message(atMs, frameText(symbol, id));
}

export async function observe(
  signals: readonly FeedSignal[],
  options: { rawLevels?: boolean; connections?: string[][] } = {},
) {
  const { rawLevels = false, connections = [['BTCUSDT', 'ETHUSDT']] } = options;
  const counters = new Counters(connections.flat());
  const logged: string[] = [];
  const operator = observeDepth20({
    connections,
    rawLevels,
    counters,
    log: (_, event) => logged.push(event),
    now: () => END_MS,
  });
  const observations = await lastValueFrom(from(signals).pipe(operator, toArray()));
  return { counters, logged, observations, snapshots: snapshotsOf(observations), events: eventsOf(observations) };
}

function snapshotsOf(observations: readonly Observation[]): Snapshot[] {
  return observations.filter((observation) => observation.kind === 'snapshot');
}

function eventsOf(observations: readonly Observation[]): FeedEvent[] {
  return observations.flatMap((observation) => (observation.kind === 'event' ? [observation.event] : []));
}

import { formatCount } from '../terminal.ts';

/** Feed events by kind, without the tallies, which come by the clock. */
export function eventsText(events: Readonly<Record<string, number>>): string {
  const told = Object.entries(events).filter(([kind]) => kind !== 'tally');
  return told.map(([kind, n]) => `${formatCount(n)} ${kind}`).join(', ') || 'none';
}

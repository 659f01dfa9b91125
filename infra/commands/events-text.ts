import { formatCount } from '../terminal.ts';

/** Feed events by kind, without the tallies, which come by the clock. */
export function eventsText(events: Readonly<Record<string, number>>): string {
  const told = Object.entries(events).filter(([kind]) => kind !== 'tally');
  return told.map(([kind, n]) => `${formatCount(n)} ${kind}`).join(', ') || 'none';
}

/** How many of the snapshots were proved; nothing in a book mode without proofs. */
export function verifiedText({ verified, unverified }: { verified: number; unverified: number }): string {
  if (verified + unverified === 0) return '';
  const not = unverified === 0 ? '' : `, ${formatCount(unverified)} not`;
  return ` (${formatCount(verified)} verified${not})`;
}

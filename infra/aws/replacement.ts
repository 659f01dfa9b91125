/** How a producer gives way to the next one: only once that one has what it needs. */
import { venueOf } from '../../producer/feed/venues.ts';
import type { Deployment } from './settings.ts';
import { symbolsAtMost } from './task-size.ts';

type Seeded = Pick<Deployment, 'venue' | 'symbols' | 'book' | 'shardsOfSymbols'>;

/**
 * Where snapshots come with the first frames, the old task ends once the new one is healthy. A rebuilt book has none
 * before it is seeded, so there both run until every book is: ECS does that for a service without a load balancer too, as
 * blue/green with a bake time.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-implementation.html
 */
export function replacementOf(settings: Seeded): {
  readonly strategy: 'ROLLING' | 'BLUE_GREEN';
  readonly bakeTimeInMinutes?: string;
} {
  return settings.book === 'full'
    ? { strategy: 'BLUE_GREEN', bakeTimeInMinutes: String(seedingMinutes(settings)) }
    : { strategy: 'ROLLING' };
}

/** Of the venue's weight: the producer takes 0.8 at the most, for its other requests too, and shards are never quite even. */
const WEIGHT_SHARE = 0.7;
const SPARE_MINUTES = 2;

/**
 * `pulumi up` waits so long for a service, in minutes: three tasks that fail, each after 300 s of grace and three checks,
 * are what it takes until ECS gives a deployment up.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
 */
export function steadyWithinMinutes(settings: Seeded): number {
  return 40 + (settings.book === 'full' ? seedingMinutes(settings) : 0);
}

/** How long it takes to seed the books of a shard by REST, with the weight that the venue grants an address. */
function seedingMinutes(settings: Seeded): number {
  const venue = venueOf(settings.venue);
  const books = symbolsAtMost(settings) / settings.shardsOfSymbols;
  const weight = books * venue.book('ANY').weight;
  return Math.ceil(weight / (venue.weightAMinute * WEIGHT_SHARE)) + SPARE_MINUTES;
}

/** A system to watch, by plain names. */
import type { WatchSettings } from '../../infra/aws/alarm-rule.ts';
import type { Watched } from '../../infra/aws/watched.ts';

export const SETTINGS: WatchSettings = { book: 'depth20', every: 0, bufferSeconds: 60, timeoutSeconds: 120 };

export function watching(producers: number): Watched<string> {
  return {
    stack: 'test',
    producers: Array.from({ length: producers }, (_, at) => ({ producer: `producer-${at}`, service: `service-${at}` })),
    cluster: 'cluster-a',
    stream: 'stream-a',
    transformer: 'transformer-a',
    delivery: 'delivery-a',
    backfill: 'backfill-a',
    bucket: 'bucket-a',
    failures: 'failures-a',
    deadLetters: 'dead-letters-a',
  };
}

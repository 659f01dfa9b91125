/** What an alarm watches, and when somebody has to look. Free of resources, so that the cost estimate can count them. */
import type { Series } from './metrics.ts';
import type { Deployment } from './settings.ts';

/** Where in the pipeline a metric belongs, left to right. */
export const STAGES = ['exchange', 'producer', 'stream', 'transformer', 'delivery', 'lake'] as const;
export type Stage = (typeof STAGES)[number];

/** What of the settings decides on thresholds. */
export interface WatchSettings extends Pick<Deployment, 'book' | 'every' | 'bufferSeconds'> {
  /** The transformer's time-out. */
  readonly timeoutSeconds: number;
}

export interface AlarmRule<V> {
  /** Unique within a system. */
  readonly name: string;
  readonly stage: Stage;
  /** What it means and what to do, at most 1,024 characters. */
  readonly description: string;
  readonly series: Series<V>;
  readonly statistic: 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';
  readonly when: 'at least' | 'above' | 'below';
  /** In the metric's unit. */
  readonly threshold: number;
  /** A multiple of 60. */
  readonly periodSeconds: number;
  /** So many of the latest `periods` have to breach; `periods` × `periodSeconds` is at most a day. */
  readonly breaches: number;
  readonly periods: number;
  /** What a period without data says. */
  readonly silence: 'breaching' | 'notBreaching';
  /** Whether the end is worth a message: that of a state is, that of an event is not. */
  readonly tellsEnd: boolean;
}

/** Of what is news each time: one in five minutes alarms, five minutes make one message of many, and the end is none. */
export const EACH_IS_NEWS = {
  statistic: 'Sum',
  when: 'at least',
  threshold: 1,
  periodSeconds: 300,
  breaches: 1,
  periods: 1,
  silence: 'notBreaching',
  tellsEnd: false,
} as const satisfies Partial<AlarmRule<unknown>>;

/** Quantiles of a histogram. */

/** Observations of at most `le`, counted from the smallest bucket on; the last bucket is infinite and holds them all. */
export interface Bucket {
  readonly le: number;
  readonly count: number;
}

/**
 * The q-quantile, taken as evenly spread within its bucket, like Prometheus' `histogram_quantile`
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
 * @param most the greatest observation, which bounds the last buckets
 */
export function quantileOf(buckets: readonly Bucket[], q: number, most: number): number {
  const rank = q * (buckets.at(-1)?.count ?? 0);
  const i = buckets.findIndex(({ count }) => count >= rank);
  const below = buckets[i - 1] ?? { le: 0, count: 0 };
  const { le, count } = buckets[i] ?? { le: most, count: 0 };
  const top = Math.min(le, most);
  if (top <= below.le || count === below.count) return top;
  return below.le + ((top - below.le) * (rank - below.count)) / (count - below.count);
}

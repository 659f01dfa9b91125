/** Exponential back-off with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Anything from 0 to the exponential bound. @param attempt from 0 */
export function fullJitter(attempt: number, { baseMs, capMs }: Backoff, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** attempt);
}

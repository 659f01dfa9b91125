/** Stretches of time, and what is left of some without others. */

/** UTC epoch ms; the end does not belong to it. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The same time as ascending spans that do not touch. */
export function merge(spans: readonly Span[]): Span[] {
  const merged: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1);
    if (toMs <= fromMs) continue;
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else merged.push({ fromMs, toMs });
  }
  return merged;
}

/** What is left of one span. @param removed as `merge` returns them */
export function without({ fromMs, toMs }: Span, removed: readonly Span[]): Span[] {
  const left: Span[] = [];
  let next = fromMs;
  for (let at = firstEndingAfter(removed, fromMs); at < removed.length && removed[at]!.fromMs < toMs; at += 1) {
    if (removed[at]!.fromMs > next) left.push({ fromMs: next, toMs: removed[at]!.fromMs });
    next = removed[at]!.toMs;
  }
  if (next < toMs) left.push({ fromMs: next, toMs });
  return left;
}

/** @param spans that do not overlap */
export function msOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
}

function firstEndingAfter(spans: readonly Span[], ms: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.toMs <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

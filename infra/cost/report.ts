/** An estimate as lines for people, as JSON, and side by side for the README. */
import { formatBytes, formatCount, formatTable, type Paint, plural } from '../terminal.ts';
import { SECONDS_A_MONTH } from './billing.ts';
import type { Comparison, Estimate } from './estimate.ts';
import { type Item, totalOf } from './item.ts';
import type { Flow, Load } from './load.ts';
import { PRICES_DATE, PRICES_REGION } from './prices.ts';

export const CAVEAT = `Prices of ${PRICES_DATE}, ${PRICES_REGION}; check before you rely on them. Free tiers and discounts are not subtracted, taxes not added; all records of a kind are reckoned alike, and a symbol that rests costs less. What sealing and recovery themselves would cost is not in it.`;

export function estimateJson({ settings, load, items, total, comparisons, warnings }: Estimate): object {
  return {
    prices: { date: PRICES_DATE, region: PRICES_REGION },
    caveat: CAVEAT,
    settings,
    load,
    items,
    total,
    comparisons,
    warnings,
  };
}

export function* estimateLines(estimate: Estimate, explain: boolean, paint: Paint): Generator<string> {
  const { load, items, total, comparisons, warnings } = estimate;
  yield* loadLines(load);
  yield '';
  const rows = items.map(({ service, what, quantity, unit, price, usd }) => [
    service,
    what,
    amount(quantity),
    unit,
    amount(price),
    dollars(usd),
  ]);
  const sum = ['total', '', '', '', '', dollars(total)];
  const [head, ...body] = formatTable([['service', 'item', 'quantity', 'unit', 'price', '$ a month'], ...rows, sum]);
  yield paint.bold(head!);
  yield* body.slice(0, -1);
  yield paint.bold(body.at(-1)!);
  if (explain) yield* ruleLines(items, paint);
  yield '';
  for (const comparison of comparisons) yield comparisonLine(comparison);
  yield '';
  for (const warning of warnings) yield `${paint.yellow('warning')}  ${warning}`;
  yield CAVEAT;
}

function* loadLines({ symbols, producers, rowsPerSecond, packs, callsPerSecond, files }: Load): Generator<string> {
  yield `${plural(symbols, 'symbol')}, ${plural(producers, 'producer')}, ${amount(rowsPerSecond)} rows a second`;
  yield `packs: ${amount(packs.orderBook.perSecond)} a second of ${amount(packs.orderBook.rows)} rows, ${formatBytes(Math.round(packs.orderBook.bytes))}`;
  yield `files: ${amount(perDay(files.orderBook))} a day of ${formatBytes(Math.round(files.orderBook.bytes))}, of ${amount(callsPerSecond * 3600)} calls of the transformer an hour; ${formatBytes(Math.round(perDay(files.orderBook) * files.orderBook.bytes))} a day`;
}

function perDay({ perSecond }: Flow): number {
  return perSecond * 86_400;
}

function* ruleLines(items: readonly Item[], paint: Paint): Generator<string> {
  yield '';
  yield paint.bold('rules');
  for (const { service, what, rule, source, confirmed } of items) {
    yield `${service}, ${what}: ${rule} (${source}${confirmed ? '' : '; the figure is not confirmed'})`;
  }
}

function comparisonLine({ what, choices }: Comparison): string {
  const cheapest = Math.min(...choices.map(({ usd }) => usd));
  const parts = choices.map(
    ({ name, usd, chosen }) =>
      `${name} $${dollars(usd)}${chosen ? ' (this estimate)' : ''}${usd === cheapest ? ', the cheapest' : ''}`,
  );
  return `${what}: ${parts.join('; ')}`;
}

/** `12.34`, `1,234.50` */
export function dollars(usd: number): string {
  return usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** Four significant digits; none lost before the point. */
function amount(value: number): string {
  if (value >= 1000) return formatCount(Math.round(value));
  return String(Number(value.toPrecision(4)));
}

/** Services down, estimates across, the comparisons below. */
export function sideBySide(estimates: readonly Estimate[]): { head: string[]; rows: string[][] } {
  const services = [...new Set(estimates.flatMap(({ items }) => items.map(({ service }) => service)))];
  const costs = (of: (estimate: Estimate) => number) => estimates.map((estimate) => dollars(of(estimate)));
  const ofService = (service: string) =>
    costs(({ items }) => totalOf(items.filter((item) => item.service === service)));
  return {
    head: ['$ a month', ...estimates.map(({ load }) => plural(load.symbols, 'symbol'))],
    rows: [
      ...services
        .map((service) => [service, ...ofService(service)])
        .filter(([, ...cells]) => cells.some((cell) => cell !== '0.00')),
      ['**total**', ...costs(({ total }) => total).map((cell) => `**${cell}**`)],
      ['million rows', ...estimates.map(({ load }) => amount((load.rowsPerSecond * SECONDS_A_MONTH) / 1e6))],
      ...(estimates[0]?.comparisons ?? []).flatMap(({ what, choices }, at) =>
        choices.map((choice, which) => [
          `${what}: ${choice.name.replace(/, \d.*/, '')}`,
          ...costs(({ comparisons }) => comparisons[at]!.choices[which]!.usd),
        ]),
      ),
    ],
  };
}

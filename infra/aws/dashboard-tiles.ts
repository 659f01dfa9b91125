/** Tiles of the dashboard: text, alarms, graphs, numbers, log lines. */
import type { Tile } from './dashboard-grid.ts';
import type { Series } from './metrics.ts';

type Statistic = 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount';

export interface Line {
  readonly series: Series<string>;
  readonly label: string;
  readonly statistic: Statistic;
}

/** A metric of the dashboard's format: namespace, name, dimensions flat, options; or an expression alone. */
type MetricEntry = readonly [...string[], object] | readonly [object];

/** An alarm status widget takes so many (the same page of AWS). */
const ALARMS_A_WIDGET = 100;

export function text(markdown: string, height: number): Tile {
  return { type: 'text', height, properties: { markdown, background: 'transparent' } };
}

/** @returns as many tiles as the alarms need */
export function alarmStatus(title: string, arns: readonly string[], height: number): Tile[] {
  const tiles: Tile[] = [];
  for (let from = 0; from < arns.length; from += ALARMS_A_WIDGET) {
    const alarms = arns.slice(from, from + ALARMS_A_WIDGET);
    // What is in alarm stands first.
    tiles.push({ type: 'alarm', height, properties: { title, alarms, sortBy: 'stateUpdatedTimestamp' } });
  }
  return tiles;
}

export interface GraphOptions {
  readonly region: string;
  readonly unit: string;
  readonly periodSeconds?: number;
  /** How far back, an ISO 8601 duration; absent: as far as the dashboard. */
  readonly start?: string;
  /** A horizontal line. */
  readonly limit?: { readonly label: string; readonly value: number };
}

const GRAPH_HEIGHT = 6;
const MINUTE = 60;

export function graph(title: string, lines: readonly Line[], options: GraphOptions): Tile {
  return graphOf(
    title,
    lines.map((line) => entryOf(line)),
    options,
  );
}

/** Of metrics that are found by an expression when somebody looks. */
export function foundGraph(title: string, expression: string, options: GraphOptions): Tile {
  return graphOf(title, [[{ expression }]], options);
}

function graphOf(title: string, metrics: readonly MetricEntry[], options: GraphOptions): Tile {
  const { region, unit, periodSeconds = MINUTE, start, limit } = options;
  return {
    type: 'metric',
    height: GRAPH_HEIGHT,
    properties: {
      title,
      region,
      view: 'timeSeries',
      period: periodSeconds,
      metrics,
      yAxis: { left: { min: 0, label: unit, showUnits: false } },
      ...(start && { start }),
      ...(limit && { annotations: { horizontal: [limit] } }),
    },
  };
}

/** Sums over lines, each a line of its own: what went in beside what came out. */
export function sums(
  title: string,
  groups: readonly { readonly label: string; readonly lines: readonly Line[] }[],
  options: GraphOptions,
): Tile {
  return graphOf(title, groups.flatMap(sumOf), options);
}

/** The latest sum over lines, with its course behind it. */
export function number(title: string, lines: readonly Line[], region: string, height: number): Tile {
  const metrics = sumOf({ label: title, lines }, 0);
  const properties = { title, region, view: 'singleValue', sparkline: true, period: MINUTE, metrics };
  return { type: 'metric', height, properties };
}

/** Metric math takes the lines by a part of their ids; missing minutes count as nothing. */
function sumOf(
  { label, lines }: { readonly label: string; readonly lines: readonly Line[] },
  at: number,
): MetricEntry[] {
  const prefix = `g${at}m`;
  return [
    [{ expression: `SUM(METRICS("${prefix}"))`, label, id: `e${at}` }],
    ...lines.map((line, index) => entryOf(line, { id: `${prefix}${index}`, visible: false })),
  ];
}

/** Log lines; they cost nothing until somebody looks. */
export function logLines(title: string, groups: readonly string[], query: string, region: string): Tile {
  const sources = groups.map((group) => `SOURCE '${group}'`).join(' | ');
  return {
    type: 'log',
    height: GRAPH_HEIGHT,
    properties: { title, region, view: 'table', query: `${sources} | ${query}` },
  };
}

function entryOf({ series: { metric, dimensions }, label, statistic }: Line, options: object = {}): MetricEntry {
  return [
    metric.namespace,
    metric.name,
    ...Object.entries(dimensions).flat(),
    { label, stat: statistic, ...options },
  ] as MetricEntry;
}

/** The dashboard: on top the pipeline from left to right, below it each of its stages in detail. */
import { type AlarmRule, STAGES, type Stage, type WatchSettings } from './alarm-rule.ts';
import { below, columns, type Tile, type Widget } from './dashboard-grid.ts';
import { stageGraphs, stageNumber } from './dashboard-stages.ts';
import { alarmStatus, logLines, text } from './dashboard-tiles.ts';
import type { Watched } from './watched.ts';

export interface DashboardView {
  readonly watched: Watched<string>;
  readonly settings: WatchSettings;
  readonly region: string;
  readonly alarms: readonly (Pick<AlarmRule<string>, 'stage'> & { readonly arn: string })[];
  /** Names of the log groups whose warnings and errors are listed. */
  readonly logGroups: readonly string[];
}

export interface DashboardBody {
  /** How far back it shows at first, an ISO 8601 duration. */
  readonly start: string;
  readonly widgets: readonly Widget[];
}

const TITLES: Readonly<Record<Stage, string>> = {
  exchange: 'Exchange',
  producer: 'Producer',
  stream: 'Kinesis',
  transformer: 'Transformer',
  delivery: 'Firehose to S3',
  lake: 'Lake',
};

/** In rows of the grid. */
const HEADING = 1;
const ALARMS = 4;

export function dashboardBody(view: DashboardView): DashboardBody {
  const { watched, logGroups, region } = view;
  const title = text(`# depthlake ${watched.stack}`, HEADING);
  const widgets = [...columns(0, [[title]])];
  const append = (tiles: readonly (readonly Tile[])[]) => widgets.push(...columns(below(widgets), tiles));
  append(STAGES.map((stage) => overview(stage, view)));
  for (const stage of STAGES) {
    append([[text(`## ${TITLES[stage]}`, HEADING)]]);
    for (const graphs of stageGraphs(stage, view)) append(graphs.map((graph) => [graph]));
  }
  append([[logLines('Warnings and errors', logGroups, WARNINGS, region)]]);
  return { start: '-PT6H', widgets };
}

/** The producer's by their level, the transformer's by event or as Lambda writes them, Firehose's all: it logs errors alone. */
const WARNINGS = [
  'fields @timestamp, @log, event, @message',
  'filter level in ["warn", "error"] or event in ["record_refused", "partitions_not_registered"] or ispresent(errorCode) or @message like /Task timed out|\\tERROR\\t/',
  'sort @timestamp desc',
  'limit 100',
].join(' | ');

/** What one sees of a stage at a glance: its alarms, and how much passes through it. */
function overview(stage: Stage, view: DashboardView): readonly Tile[] {
  const arrow = stage === STAGES.at(-1) ? '' : ' →';
  const arns = view.alarms.filter((alarm) => alarm.stage === stage).map(({ arn }) => arn);
  return [
    text(`### ${TITLES[stage]}${arrow}`, HEADING),
    stageNumber(stage, view),
    ...alarmStatus('Alarms', arns, ALARMS),
  ];
}

/** `depthlake start`: the whole pipeline on one machine, until Ctrl-C. */
import { FEED_SETTINGS, integer, MONITOR_SETTINGS, type Setting, STREAM_SETTINGS } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { Log } from '../../producer/log.ts';
import type { Endpoints } from '../local/endpoints.ts';
import type { LocalPipeline, PipelineStatus, PipelineSummary } from '../local/pipeline.ts';
import { speed } from '../replay/speed.ts';
import { formatBytes, formatCount, type Output, plural } from '../terminal.ts';
import { codecSetting } from './codec-setting.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';
import { dataSetting, shownPath } from './data-setting.ts';
import { eventsText, verifiedText } from './events-text.ts';
import { humanLog } from './human-log.ts';
import { builtFile } from './package.ts';
import { Rates } from './rates.ts';

const port = (help: string) =>
  ({ flag: '', argument: '<port>', help, default: '0', parse: integer(0, 65_535) }) as const satisfies Setting<number>;

const { stream: _, work: _work, spillTo: _spillTo, state: _state, ...packing } = STREAM_SETTINGS;
const { metrics: _metrics, ...monitoring } = MONITOR_SETTINGS;
const { default: __, ...symbols } = FEED_SETTINGS.symbols;

const settings = {
  ...FEED_SETTINGS,
  ...packing,
  ...monitoring,
  venue: { ...FEED_SETTINGS.venue, default: 'local' },
  symbols: { ...symbols, help: `${FEED_SETTINGS.symbols.help} (default: BTCUSDT; with --play all it holds)` },
  data: dataSetting('Folder of the lake'),
  bufferSeconds: {
    flag: 'buffer-seconds',
    argument: '<n>',
    help: 'How long the local Firehose collects packs for one file; Firehose itself: 0 to 900',
    unit: 's',
    default: '5',
    parse: integer(0, 900),
  },
  codec: codecSetting,
  play: {
    flag: 'play',
    argument: '<file>',
    help: 'The local exchange plays a recording (lines of `<receive time, epoch ns> [ws|rest <SYMBOL>] <message>`, plain or gzip) and `start` ends with it',
    parse: (text: string) => text,
  },
  speed: {
    flag: 'speed',
    argument: '<n>',
    help: 'How many times faster than recorded --play goes, or max (default: 1)',
    parse: speed,
  },
  exchangePort: { ...port('Port of the local exchange; 0 takes a free one'), flag: 'exchange-port' },
  kinesisPort: { ...port('Port of the local Kinesis; 0 takes a free one'), flag: 'kinesis-port' },
  json: jsonSetting('Print the summary as one JSON object on stdout, all else on stderr'),
} as const;

type StartValues = Context<typeof settings>['values'];

export const command = defineCommand({
  name: 'start',
  summary: 'Run the whole pipeline on this machine: exchange, producer, Kinesis, Firehose, transformer, files',
  settings,
  examples: [
    'start',
    'start --venue binance.us --symbols BTCUSDT,ETHUSDT',
    'start --play recording.gz --speed max --data ./replayed --json',
  ],
  flushes: true,
  run: start,
});

async function start({ values, stdout, stderr, terminal, signal }: Context<typeof settings>): Promise<number> {
  checkCombination(values);
  terminal.status('starting the local services …');
  signal.addEventListener('abort', () => terminal.status('stopping …'));
  const log = heldLog(humanLog(stderr, Date.now, values.logLevel));
  const { startPipeline } = await import('../local/pipeline.ts');
  const pipeline = await startPipeline({
    ...values,
    speed: values.speed ?? 1,
    transformerBundle: builtFile('transformer'),
    producerBundle: builtFile('producer'),
    log: log.log,
    signal,
  });
  if (pipeline === null) {
    terminal.clear();
    await stderr.line('Stopped before everything was up; nothing was recorded.');
    return 0;
  }
  signal.addEventListener('abort', () => pipeline.stop(String(signal.reason)));
  if (signal.aborted) pipeline.stop(String(signal.reason));
  const out = values.json ? stderr : stdout;
  const isUp = await Promise.race([pipeline.connected.then(() => true), pipeline.ended.then(() => false)]);
  terminal.clear();
  if (isUp) await out.write(introduction(pipeline, values));
  log.release();

  const rates = new Rates();
  const ticker = setInterval(() => terminal.status(statusText(pipeline.status(), rates)), 1_000);
  const { summary, failure } = await pipeline.ended.finally(() => clearInterval(ticker));
  terminal.clear();
  // Nothing came: the reason says it all.
  if (failure !== null && summary.frames === 0) throw failure;
  await out.line(summaryText(summary, shownPath(values.data), out));
  if (values.json) await stdout.line(JSON.stringify(summary));
  if (failure !== null) throw failure;
  return summary.lost === 0 ? 0 : 1;
}

/** Settings that are right by themselves and contradict each other. */
function checkCombination({ venue, play, speed, wsUrl, restUrl }: StartValues): void {
  const given = wsUrl !== undefined || restUrl !== undefined;
  const problems = [
    play !== undefined && venue !== 'local' && `--play is for venue local, not for ${venue}`,
    play !== undefined && given && '--play and --ws-url or --rest-url name two exchanges',
    play === undefined && speed !== undefined && '--speed is for --play',
    venue === 'local' &&
      given &&
      !(wsUrl && restUrl) &&
      'venue local takes --ws-url and --rest-url together, or neither',
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw new DepthlakeError('DL_SETTINGS', problems.join('\n'));
}

/** Keeps what is logged until the first lines have said what runs where. */
function heldLog(log: Log): { readonly log: Log; release(): void } {
  let held: Parameters<Log>[] | null = [];
  return {
    log: (...line) => {
      if (held === null) log(...line);
      else held.push(line);
    },
    release() {
      const lines = held ?? [];
      held = null;
      for (const line of lines) log(...line);
    },
  };
}

function introduction({ endpoints, monitorUrl }: LocalPipeline, values: StartValues): string {
  const lines = [
    ['exchange', exchangeText(endpoints, values)],
    ['producer', `process ${endpoints.producer_pid}, ${symbolsText(values)}, book ${values.book}`],
    ...(monitorUrl === null ? [] : [['monitor', `${monitorUrl}/metrics, /healthz, /readyz`]]),
    ['kinesis', `stream ${endpoints.stream} at ${endpoints.kinesis} (in memory)`],
    ['firehose', `one file a table and hour every ${values.bufferSeconds} s, through the built transformer`],
    ['backfill', `delivery stream ${endpoints.backfill} at ${endpoints.control}, for what a replay brings back`],
    ['glue', `database ${endpoints.database} at ${endpoints.glue}`],
    ['lake', shownPath(values.data)],
  ].map(([name, words]) => `  ${name!.padEnd(9)} ${words}`);
  const until =
    values.play !== undefined
      ? 'until the recording has ended'
      : values.durationMs !== undefined
        ? `for ${values.durationMs / 1000} s`
        : 'until Ctrl-C';
  const hint = endpoints.venue === 'local' ? 'Record the real exchange: npm start -- --venue binance.us\n' : '';
  return `Depthlake runs on this machine ${until}:\n${lines.join('\n')}\n${hint}\n`;
}

function symbolsText({ symbols, play }: StartValues): string {
  const patterns = symbols ?? [play === undefined ? 'BTCUSDT' : '*'];
  if (patterns.includes('*')) return 'all symbols';
  return patterns.length > 8
    ? `${patterns.slice(0, 8).join(', ')} and ${patterns.length - 8} more`
    : patterns.join(', ');
}

function exchangeText({ venue, ws }: Endpoints, { play, wsUrl }: StartValues): string {
  if (wsUrl !== undefined) return `${venue}, at ${wsUrl.href}`;
  if (venue !== 'local') return `${venue}, the real exchange`;
  return play === undefined ? `a simulated one at ${ws}; its prices are invented` : `${play} played at ${ws}`;
}

function statusText(status: PipelineStatus, rates: Rates): string {
  return [
    `${rates.perSecond(status.snapshots, Date.now())} snapshots/s`,
    `lag ${status.lagMs === null ? '–' : `${formatCount(status.lagMs)} ms`}`,
    plural(status.packs, 'pack'),
    plural(status.objects, 'file'),
    plural(status.rows, 'row'),
    ...(status.errorRecords > 0 ? [plural(status.errorRecords, 'error record')] : []),
  ].join(' · ');
}

function summaryText(summary: PipelineSummary, dataFolder: string, { paint }: Output): string {
  const discarded = Object.entries(summary.discarded).map(([reason, n]) => `${formatCount(n)} ${reason}`);
  const sessions = summary.sessions > 1 ? ` of ${summary.sessions} sessions` : '';
  return [
    `session     ${summary.session_id ?? '–'} of ${summary.venue}, ${summary.seconds.toFixed(1)} s`,
    `received    ${plural(summary.frames, 'frame')}, ${plural(summary.snapshots, 'snapshot')}${verifiedText(summary)}`,
    `discarded   ${discarded.length === 0 ? 'nothing' : discarded.join(', ')}`,
    `delivered   ${plural(summary.rows, 'row')}${sessions} in ${plural(summary.objects, 'file')}, ${formatBytes(summary.object_bytes)}, from ${plural(summary.packs, 'pack')}`,
    `events      ${eventsText(summary.events)}`,
    `duplicates  ${formatCount(summary.duplicates)}`,
    ...(summary.backfilled > 0 ? [`backfilled  ${plural(summary.backfilled, 'row')}, by direct puts`] : []),
    ...(summary.spilled > 0 ? [`on disk     ${plural(summary.spilled, 'row')}, for the next start`] : []),
    `lost        ${lostText(summary.lost, paint)}`,
    `Look inside: npx depthlake check ${dataFolder}`,
  ].join('\n');
}

function lostText(lost: number | null, paint: Output['paint']): string {
  if (lost === null) return `${paint.red('unknown')}: the producer did not finish, and what it held is gone`;
  const words = lost === 0 ? paint.green('nothing') : paint.red(plural(lost, 'row'));
  return `${words}, by the seq of every row read back from the files`;
}

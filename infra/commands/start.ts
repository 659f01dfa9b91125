/** `depthlake start`: the whole pipeline on one machine, until Ctrl-C. */
import { FEED_SETTINGS, integer, type Setting, STREAM_SETTINGS } from '../../producer/config.ts';
import type { LocalPipeline, PipelineStatus, PipelineSummary } from '../local/pipeline.ts';
import { formatBytes, formatCount, type Output, plural } from '../terminal.ts';
import { codecSetting } from './codec-setting.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';
import { dataSetting, shownPath } from './data-setting.ts';
import { humanLog } from './human-log.ts';
import { builtFile } from './package.ts';
import { Rates } from './rates.ts';

const port = (help: string) =>
  ({ flag: '', argument: '<port>', help, default: '0', parse: integer(0, 65_535) }) as const satisfies Setting<number>;

const { stream: _, ...packing } = STREAM_SETTINGS;
const { default: __, ...symbols } = FEED_SETTINGS.symbols;

const settings = {
  ...FEED_SETTINGS,
  ...packing,
  venue: { ...FEED_SETTINGS.venue, default: 'local' },
  symbols: { ...symbols, help: 'Symbols to record, separated by commas (default: BTCUSDT; with --play all it holds)' },
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
    help: 'How many times faster than recorded --play goes, or max',
    default: '1',
    parse: speed,
  },
  exchangePort: { ...port('Port of the local exchange; 0 takes a free one'), flag: 'exchange-port' },
  kinesisPort: { ...port('Port of the local Kinesis; 0 takes a free one'), flag: 'kinesis-port' },
  json: jsonSetting('Print the summary as one JSON object on stdout, all else on stderr'),
} as const;

export type StartValues = Context<typeof settings>['values'];

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

function speed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new Error('must be max or a number above 0, at most 10,000');
  return value;
}

async function start({ values, stdout, stderr, terminal, signal }: Context<typeof settings>): Promise<number> {
  terminal.status('starting the local services …');
  const { startPipeline } = await import('../local/pipeline.ts');
  const pipeline = await startPipeline({
    ...values,
    transformerBundle: builtFile('transformer'),
    producerBundle: builtFile('producer'),
    log: humanLog(stderr, Date.now),
    signal,
  });
  if (pipeline === null) {
    await stderr.line('Stopped before everything was up; nothing was recorded.');
    return 0;
  }
  terminal.clear();
  const out = values.json ? stderr : stdout;
  await out.write(introduction(pipeline, values));

  const rates = new Rates();
  const ticker = setInterval(() => terminal.status(statusText(pipeline.status(), rates)), 1_000);
  signal.addEventListener('abort', () => pipeline.stop(String(signal.reason)));
  const { summary, failure } = await pipeline.ended.finally(() => clearInterval(ticker));
  terminal.clear();
  await out.line(summaryText(summary, shownPath(values.data), out));
  if (values.json) await stdout.line(JSON.stringify(summary));
  if (failure !== null) throw failure;
  return summary.lost > 0 ? 1 : 0;
}

function introduction({ endpoints, symbols: recorded }: LocalPipeline, values: StartValues): string {
  const names =
    recorded.length > 8 ? `${recorded.slice(0, 8).join(', ')} and ${recorded.length - 8} more` : recorded.join(', ');
  const exchange =
    endpoints.ws === null
      ? `${endpoints.venue}, the real exchange`
      : values.play === undefined
        ? `a simulated one at ${endpoints.ws}; its prices are invented`
        : `${values.play} played at ${endpoints.ws}`;
  const lines = [
    ['exchange', exchange],
    ['producer', `process ${endpoints.producer_pid}, ${names}`],
    ['kinesis', `stream ${endpoints.stream} at ${endpoints.kinesis} (in memory)`],
    ['firehose', `one file a table and hour every ${values.bufferSeconds} s, through the built transformer`],
    ['glue', `database ${endpoints.database} at ${endpoints.glue}`],
    ['lake', shownPath(values.data)],
  ].map(([name, words]) => `  ${name!.padEnd(9)} ${words}`);
  const hint = endpoints.venue === 'local' ? 'Record the real exchange: npm start -- --venue binance.us\n' : '';
  return `Depthlake runs on this machine until Ctrl-C:\n${lines.join('\n')}\n${hint}\n`;
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
  const lost = summary.lost === 0 ? paint.green('nothing') : paint.red(plural(summary.lost, 'row'));
  return [
    `session     ${summary.session_id ?? '–'} of ${summary.venue}, ${summary.seconds.toFixed(1)} s`,
    `received    ${plural(summary.frames, 'frame')}, ${plural(summary.snapshots, 'snapshot')}`,
    `discarded   ${discarded.length === 0 ? 'nothing' : discarded.join(', ')}`,
    `delivered   ${plural(summary.rows, 'row')} in ${plural(summary.objects, 'file')}, ${formatBytes(summary.object_bytes)}, from ${plural(summary.packs, 'pack')}`,
    `duplicates  ${formatCount(summary.duplicates)}`,
    `lost        ${lost}, by the seq of every row read back from the files`,
    `Look inside: npx depthlake check ${dataFolder}`,
  ].join('\n');
}

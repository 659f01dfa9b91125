/** What `depthlake replay` can be told. */
import { boolean, FEED_SETTINGS, integer, oneOf, type Setting, STREAM_SETTINGS } from '../../producer/config.ts';
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { WINDOW_MS } from '../../producer/replay/options.ts';
import { sinkAddress, sourceAddress } from '../replay/address.ts';
import { LINE_FORMATS } from '../replay/sinks/line-format.ts';
import { speed } from '../replay/speed.ts';
import { LATE_MS, parseLateness, parseStart, parseTime, parseWindow } from '../replay/time.ts';
import { codecSetting } from './codec-setting.ts';
import { jsonSetting } from './command.ts';
import { dataSetting } from './data-setting.ts';

const flag = <const F extends string>(name: F, help: string) =>
  ({ flag: name, help, default: 'false', env: null, parse: boolean }) as const satisfies Setting<boolean>;

/** One moment for all relative times of a command line. */
const NOW_MS = Date.now();

// Not from the environment: what `depthlake env` prints is what is recorded, not what somebody wants to see again.
export const SETTINGS = {
  from: {
    flag: 'from',
    argument: '<source>',
    help: 'kinesis:NAME, a lake (s3://BUCKET/PREFIX or its folder), or a container file; more files may follow the options',
    env: null,
    parse: sourceAddress,
  },
  start: {
    flag: 'start',
    argument: '<time>',
    help: 'First event time: ISO 8601 (UTC where no zone is given), epoch ms, or relative like -2h. Of a stream also trim-horizon, latest (with --follow) or sequence:SHARD:NUMBER. Without it, the oldest there is',
    env: null,
    parse: (text: string) => ({ text, ...parseStart(text, NOW_MS) }),
  },
  end: {
    flag: 'end',
    argument: '<time>',
    help: 'Event time before which the replay ends. Without it, the newest there is when it begins',
    env: null,
    parse: (text: string) => ({ text, ms: parseTime(text, NOW_MS) }),
  },
  symbols: {
    ...FEED_SETTINGS.symbols,
    help: 'Symbols to replay, separated by commas: names, patterns like BTC*, or all',
    default: 'all',
    env: null,
  },
  tables: {
    flag: 'tables',
    argument: '<list>',
    help: `Tables to replay, separated by commas: ${TABLE_NAMES.join(', ')} (default: all; order_book for csv and ws)`,
    env: null,
    parse: tables,
  },
  to: {
    flag: 'to',
    argument: '<sink>',
    help: 'stdout, a file (gzip where its name ends in .gz), avro:DIR (container files in a lake’s layout), kinesis:NAME, firehose:NAME (a direct-put delivery stream), ws:PORT (speaks Binance’s protocol), or null',
    default: 'stdout',
    env: null,
    parse: sinkAddress,
  },
  format: {
    flag: 'format',
    argument: '<name>',
    help: 'What stdout and files hold: jsonl (the lines of a pack) or csv (one table); without it, by the file’s name',
    env: null,
    parse: oneOf(LINE_FORMATS),
  },
  speed: {
    flag: 'speed',
    argument: '<n>',
    help: 'How many times faster than recorded, by event time: 1, 10, …, or max',
    default: 'max',
    env: null,
    parse: speed,
  },
  checkpoint: {
    flag: 'checkpoint',
    argument: '<file>',
    help: 'Keep there what the sink has accepted; the same command goes on behind it',
    env: null,
    parse: String,
  },
  windowMs: {
    flag: 'window',
    argument: '<time>',
    help: 'Reorder window: how much later than its neighbours a row may be read and still come out in order',
    unit: 'ms, s, m, h',
    default: `${WINDOW_MS / 1000}s`,
    env: null,
    parse: parseWindow,
  },
  lateMs: {
    flag: 'late',
    argument: '<time>',
    help: 'How long after --end arrivals in a stream are still read for rows from before it; a spill can bring rows hours later',
    unit: 'ms, s, m, h',
    default: `${LATE_MS / 60_000}m`,
    env: null,
    parse: parseLateness,
  },
  follow: flag('follow', 'Wait at the tip of a stream for what comes next, until --end or Ctrl-C'),
  fanOut: flag('fan-out', 'Read the stream as an enhanced fan-out consumer, with 2 MB/s a shard of its own; billed'),
  keepDuplicates: flag(
    'keep-duplicates',
    'Keep what comes twice: the same row again, and other producers’ rows of the same book',
  ),
  strict: flag('strict', 'End at the first thing that would have to be left out'),
  overwrite: flag('overwrite', 'Replace what an earlier replay has written at the same place'),
  codec: { ...codecSetting, help: `${codecSetting.help}, of avro:DIR`, env: null },
  lanes: { ...STREAM_SETTINGS.lanes, help: 'Number of partition keys of kinesis:NAME', env: null },
  partitions: {
    flag: 'partition-quota',
    argument: '<n>',
    help: 'Active partitions that the account allows a delivery stream; firehose:NAME stays below',
    default: '500',
    env: null,
    parse: integer(10, 100_000),
  },
  local: flag('local', 'Use the services of the `depthlake start` that runs on --data instead of AWS'),
  data: dataSetting('Where --local finds the running `depthlake start`'),
  json: jsonSetting('Print the summary as one JSON object, on stdout unless the rows go there'),
} as const;

function tables(text: string): ReadonlySet<TableName> {
  const names = text.split(',').map((part) => part.trim());
  const unknown = names.find((name) => !TABLE_NAMES.includes(name as TableName));
  if (unknown !== undefined) throw new Error(`"${unknown}" is no table; there are ${TABLE_NAMES.join(', ')}`);
  return new Set(names as TableName[]);
}

/** What `depthlake doctor` can be told. */
import { boolean, duration, FEED_SETTINGS, MONITOR_SETTINGS, oneOf, STREAM_SETTINGS } from '../../producer/config.ts';
import { jsonSetting } from './command.ts';
import { dataSetting } from './data-setting.ts';

const { venue, symbols, shard, book, wsUrl, restUrl } = FEED_SETTINGS;
const { stream } = STREAM_SETTINGS;
const { stack } = MONITOR_SETTINGS;

export const SETTINGS = {
  ...{ venue, symbols, shard, book, wsUrl, restUrl },
  stream,
  deliveryStream: {
    flag: 'delivery-stream',
    argument: '<name>',
    help: 'Firehose delivery stream to look at',
    default: 'depthlake',
    parse: String,
  },
  backfillStream: {
    flag: 'backfill-stream',
    argument: '<name>',
    help: 'Firehose delivery stream that takes direct puts; without it, none is looked for',
    parse: String,
  },
  database: {
    flag: 'database',
    argument: '<name>',
    help: 'Glue database to look at',
    default: 'depthlake',
    env: 'DEPTHLAKE_GLUE_DATABASE',
    parse: String,
  },
  bucket: {
    flag: 'bucket',
    argument: '<name>',
    help: 'Bucket of the lake; without it, the one that the delivery stream delivers into',
    parse: String,
  },
  deployed: {
    flag: 'deployed',
    help: 'Look at what a deployed system has recorded too: objects, partitions, failed records, what Athena answers; the venue is left out, as its producer asks it from elsewhere',
    default: 'false',
    env: null,
    parse: boolean,
  },
  workgroup: {
    flag: 'workgroup',
    argument: '<name>',
    help: 'Athena workgroup to ask in with --deployed',
    parse: String,
  },
  stack,
  skip: {
    flag: 'skip',
    argument: '<side>',
    help: 'Leave one side out: venue or aws',
    parse: oneOf(['venue', 'aws']),
  },
  timeoutMs: {
    flag: 'timeout',
    argument: '<time>',
    help: 'Longest wait for one answer, and for the first messages of all symbols',
    unit: 'ms, s, m, h',
    default: '20s',
    parse: duration(100, 600_000),
  },
  data: dataSetting('Where venue local finds the services of a running `depthlake start`'),
  json: jsonSetting('Print the findings as one JSON object'),
} as const;

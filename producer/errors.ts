/**
 * Every error a user can meet, in one place: a stable code, and what to do about it.
 *
 * The message of an instance says what happened this time; the remedy says what the reader can do.
 * An exit status of 2 means "you asked for something that cannot be", 1 means "it failed".
 */
export const ERRORS = {
  DL_USAGE: {
    exit: 2,
    remedy: 'See `depthlake --help`, or `depthlake <command> --help`.',
  },
  DL_SETTINGS: {
    exit: 2,
    remedy: 'Correct the settings named above; `--help` lists each with its default.',
  },
  DL_SYMBOL_UNKNOWN: {
    exit: 2,
    remedy: 'Check the spelling, choose another venue with --venue, or wait until this one trades the symbol.',
  },
  DL_VENUE_UNREACHABLE: {
    exit: 1,
    remedy: 'Check the network and the host name; --ws-url and --rest-url choose other hosts.',
  },
  DL_VENUE_REFUSED: {
    exit: 1,
    remedy:
      'The venue answers, but not to this address. 403 and 451: it refuses this region or data centre; run elsewhere or choose other hosts with --ws-url and --rest-url. 429 and 418: too many requests; wait as long as it says.',
  },
  DL_VENUE_FOREIGN: {
    exit: 1,
    remedy: 'The host answers, but not in the protocol of this venue; check --venue, --ws-url and --rest-url.',
  },
  DL_VENUE_SILENT: {
    exit: 1,
    remedy: 'The venue closes the connection before it sends a frame; check --ws-url, and whether the venue is up.',
  },
  DL_STREAM_MISSING: {
    exit: 1,
    remedy: 'Check its name (--stream; of a replay, --from or --to) and the region, or create it.',
  },
  DL_KINESIS_DENIED: {
    exit: 1,
    remedy:
      'Check the AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and the region; the producer needs kinesis:DescribeStreamSummary and kinesis:PutRecords.',
  },
  DL_KINESIS_UNREACHABLE: {
    exit: 1,
    remedy: 'Check the network, AWS_REGION and AWS_ENDPOINT_URL_KINESIS.',
  },
  DL_NOT_FLUSHED: {
    exit: 1,
    remedy:
      'So many rows did not reach the stream and are lost; a spill (--spill, --work) keeps them for the next session.',
  },
  DL_STATE_MISSING: {
    exit: 1,
    remedy: 'Create it with the command above, or name another with --state; --state file needs none.',
  },
  DL_STATE_DENIED: {
    exit: 1,
    remedy:
      'Check the AWS credentials and the region; the producer needs dynamodb:DescribeTable, dynamodb:BatchGetItem and dynamodb:UpdateItem on the table of --state.',
  },
  DL_STATE_UNAVAILABLE: {
    exit: 1,
    remedy: 'Check the disk of --work, or the network, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB.',
  },
  DL_ROW_INVALID: {
    exit: 1,
    remedy: 'The row is refused and kept aside; the producer that wrote it has a fault.',
  },
  DL_PACK_INVALID: {
    exit: 1,
    remedy: 'The pack is refused and kept aside under the error prefix.',
  },
  DL_CONTAINER_INVALID: {
    exit: 1,
    remedy: 'The file is damaged or is no Avro container file; restore it, or remove it and bring its hour back.',
  },
  DL_MANIFEST_INVALID: {
    exit: 1,
    remedy:
      'An older generation of the hour is read in its place, with every raw file that one does not list; seal the hour again.',
  },
  DL_RESPONSE_FULL: {
    exit: 1,
    remedy: 'The record reaches the error prefix; a smaller Lambda buffer of the delivery stream avoids it.',
  },
  DL_CODEC_UNKNOWN: { exit: 2, remedy: 'Use deflate, snappy or null.' },
  DL_CHECK_FAILED: {
    exit: 1,
    remedy: 'Each line above names a file or a session, and what is wrong with it.',
  },
  DL_LAKE_MISSING: {
    exit: 1,
    remedy: 'Name the folder that holds orderbook/ and feed_event/, or a folder inside one of them.',
  },
  DL_FILE_UNREADABLE: {
    exit: 1,
    remedy: 'Check the path and its permissions.',
  },
  DL_OUTPUT_FAILED: {
    exit: 1,
    remedy: 'Free some space where the output goes, or send it elsewhere, then run the command again.',
  },
  DL_DATA_FOLDER: {
    exit: 1,
    remedy: 'Choose a folder that can be written to with --data DIR.',
  },
  DL_DISK_FULL: {
    exit: 1,
    remedy: 'Free some space or choose another folder (--data DIR, or --to of a replay), then run the command again.',
  },
  DL_SPILL_FOLDER: {
    exit: 1,
    remedy: 'Choose a folder that can be written to with --work DIR, or do without a spill with --spill 0.',
  },
  DL_ALREADY_RUNNING: {
    exit: 1,
    remedy: 'Stop that pipeline first, or choose another folder with --data DIR.',
  },
  DL_PORT_IN_USE: {
    exit: 1,
    remedy: 'Stop what listens there, or leave the port option away: a free one is chosen.',
  },
  DL_RECORDING_INVALID: {
    exit: 2,
    remedy: 'A recording has lines of `<receive time, epoch ns> [ws|rest <SYMBOL>] <message>`, plain or gzip.',
  },
  DL_EVENT_INVALID: {
    exit: 2,
    remedy: 'A Firehose event is JSON; `depthlake transform --example` prints one.',
  },
  DL_PULUMI_FAILED: {
    exit: 1,
    remedy:
      'Install the Pulumi CLI and sign in, run this where Pulumi.yaml is (or name its folder with --program), and choose the stack with --pulumi-stack; or save `pulumi stack output --json` and give it with --outputs.',
  },
  DL_STACK_OUTPUTS: {
    exit: 1,
    remedy: 'Deploy the stack with this version of depthlake (`pulumi up`), or name another stack.',
  },
  DL_REPLAY_DENIED: {
    exit: 1,
    remedy:
      'Check the AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and the region; the README lists the actions that each source and sink of a replay needs.',
  },
  DL_REPLAY_UNREACHABLE: {
    exit: 1,
    remedy:
      'Check the network, AWS_REGION and the AWS_ENDPOINT_URL variables; --local means the pipeline of `depthlake start`.',
  },
  DL_REPLAY_INCOMPLETE: {
    exit: 1,
    remedy: 'What is named above was left out; everything else was replayed. --strict stops at the first of them.',
  },
  DL_HOUR_EMPTY: {
    exit: 1,
    remedy: 'Bring the hour back from the stream (README: an hour is missing), or choose a range without it.',
  },
  DL_RANGE_EXPIRED: {
    exit: 1,
    remedy: 'Begin at the oldest time named above, or replay the earlier part from the lake.',
  },
  DL_DELIVERY_STREAM_MISSING: {
    exit: 1,
    remedy: 'Check the name and the region; `depthlake env` prints the names of a deployed stack.',
  },
  DL_DELIVERY_STREAM_SOURCE: {
    exit: 2,
    remedy: 'Name a delivery stream of type DirectPut: the stack’s `backfill`.',
  },
  DL_SINK_EXISTS: {
    exit: 2,
    remedy: 'Choose another place, go on with the --checkpoint it was begun with, or replace it with --overwrite.',
  },
  DL_SINK_FAILED: {
    exit: 1,
    remedy: 'Mend what is named above, then run the same command again; with --checkpoint it goes on where it stopped.',
  },
  DL_CHECKPOINT_INVALID: {
    exit: 2,
    remedy: 'Give the command that the checkpoint was begun with, or another --checkpoint file.',
  },
  DL_RAW_LEVELS_MISSING: {
    exit: 1,
    remedy: 'A partial book needs top_bids and top_asks: record with --raw-levels.',
  },
  DL_SERVICE_DIED: {
    exit: 1,
    remedy: 'The lines above say why; start again, and report it if it happens again.',
  },
  DL_NOT_BUILT: { exit: 1, remedy: 'Run `npm run build`.' },
  DL_BUILD_FAILED: {
    exit: 1,
    remedy: 'Correct what the compiler says above; after a change of the lock file, run `npm ci` first.',
  },
  DL_INTERNAL: {
    exit: 1,
    remedy: 'This is a fault of depthlake: please report it with the line above.',
  },
} as const satisfies Record<string, { exit: number; remedy: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** A failure with a stable code: `message` is what happened, `remedy` what to do. */
export class DepthlakeError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DepthlakeError';
    this.code = code;
  }

  get remedy(): string {
    return ERRORS[this.code].remedy;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
}

/** The words of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(reasonOf).join('; ');
  return thrown instanceof Error ? thrown.message : String(thrown);
}

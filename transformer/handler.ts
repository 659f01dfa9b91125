/** The Firehose transformation Lambda: packs in, container files out, and their hours in the catalog. */
import { GlueClient } from '@aws-sdk/client-glue';
import { DepthlakeError } from '../producer/errors.ts';
import { type Transformation, transform } from './batch.ts';
import { type Codec, parseCodec } from './codec.ts';
import { figuresLine, type InvocationFigures } from './figures.ts';
import type { FirehoseEvent, FirehoseResponse } from './firehose-event.ts';
import { PartitionRegistrar } from './partition-registrar.ts';

export interface HandlerSettings {
  readonly codec: Codec;
  /** Glue database with a table of each table's name; empty: partitions are not registered. */
  readonly database: string;
  /** Bucket that holds the lake, for the locations of partitions. */
  readonly bucket: string;
  /** Name of the deployment that the figures belong to; empty: no figures. */
  readonly stack: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DL_CODEC_UNKNOWN, DL_SETTINGS */
export function settingsOf(env: Environment): HandlerSettings {
  const codec = parseCodec(env.DEPTHLAKE_CODEC || 'deflate');
  const database = env.DEPTHLAKE_GLUE_DATABASE ?? '';
  const bucket = env.DEPTHLAKE_BUCKET ?? '';
  if (database !== '' && bucket === '') {
    throw new DepthlakeError('DL_SETTINGS', 'DEPTHLAKE_GLUE_DATABASE is set and DEPTHLAKE_BUCKET is not');
  }
  return { codec, database, bucket, stack: env.DEPTHLAKE_STACK ?? '' };
}

/**
 * @param registrar null: hours are not registered; @param log takes one line
 * @param report takes the figures of each invocation
 */
export function createHandler(
  codec: Codec,
  registrar: PartitionRegistrar | null,
  log: (line: string) => void,
  report: (figures: InvocationFigures) => void = () => {},
): (event: FirehoseEvent) => Promise<FirehoseResponse> {
  return async (event) => {
    requireFirehoseEvent(event);
    const transformation = transform(event, { codec });
    for (const { recordId, code, reason } of transformation.refused) {
      log(JSON.stringify({ event: 'record_refused', invocationId: event.invocationId, recordId, code, reason }));
    }
    const unregistered = (await registrar?.register(transformation.partitions)) ?? 0;
    report(figuresOf(transformation, unregistered));
    return transformation.response;
  };
}

function figuresOf({ response, refused, rows }: Transformation, unregistered: number): InvocationFigures {
  const files = response.records.filter(({ result }) => result === 'Ok');
  return {
    TransformedRecords: response.records.length - refused.length,
    TransformedRows: rows,
    TransformedFiles: files.length,
    TransformedBytes: files.reduce((sum, { data }) => sum + Buffer.byteLength(data!, 'base64'), 0),
    RefusedRecords: refused.length,
    UnregisteredPartitions: unregistered,
  };
}

function requireFirehoseEvent(event: FirehoseEvent): void {
  const valid =
    typeof event?.invocationId === 'string' &&
    event.invocationId !== '' &&
    Array.isArray(event.records) &&
    event.records.every((record) => typeof record?.recordId === 'string');
  if (!valid) throw new DepthlakeError('DL_EVENT_INVALID', 'the event lacks invocationId or records with a recordId');
}

function registrarOf({ database, bucket }: HandlerSettings): PartitionRegistrar | null {
  if (database === '') return null;
  return new PartitionRegistrar({ client: new GlueClient({}), database, lakeUrl: `s3://${bucket}`, log: writeLine });
}

function reporterOf({ stack }: HandlerSettings): ((figures: InvocationFigures) => void) | undefined {
  if (stack === '') return undefined;
  return (figures) => writeLine(figuresLine(stack, figures, Date.now()));
}

/** Not console.log: Lambda would put its own words before the JSON. */
function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

const settings = settingsOf(process.env);

/** What Lambda calls. One parameter: Node 24 refuses handlers with a third. */
export const handler = createHandler(settings.codec, registrarOf(settings), writeLine, reporterOf(settings));

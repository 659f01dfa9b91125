/** The operations that the local Firehose answers, in the service's words: what is there, and direct puts. */
import type { DeliveryStreamDescription } from '@aws-sdk/client-firehose';
import { LOCAL_ACCOUNT } from '../environment.ts';
import type { DeliveryStream } from './options.ts';
import { FirehoseError } from './record.ts';

export interface ServedStream extends Pick<DeliveryStream, 'putRecordBatch'> {
  readonly description: DeliveryStreamDescription;
}

/** What a client sent: the JSON of a request. */
type Input = Readonly<Record<string, unknown>>;

/** Names that ListDeliveryStreams gives at a time where the caller does not say, as the service does. */
const LIST_LIMIT = 10;
const LIST_MAX_LIMIT = 10_000;

/**
 * @returns the response
 * @throws FirehoseError in the service's words
 */
export function answer(operation: string, input: Input, streams: readonly ServedStream[]): object {
  switch (operation) {
    case 'DescribeDeliveryStream':
      return { DeliveryStreamDescription: streamOf(input, streams).description };
    case 'ListDeliveryStreams':
      return list(input, streams);
    case 'PutRecord': {
      const { RequestResponses } = put(input, [input['Record']], streams);
      return { ...RequestResponses[0], Encrypted: false };
    }
    case 'PutRecordBatch':
      return { ...put(input, input['Records'], streams), Encrypted: false };
    default:
      throw new FirehoseError('UnknownOperationException', `no operation ${operation}`);
  }
}

function streamOf({ DeliveryStreamName: name }: Input, streams: readonly ServedStream[]): ServedStream {
  if (typeof name !== 'string') throw new FirehoseError('SerializationException', 'DeliveryStreamName is no string');
  const stream = streams.find(({ description }) => description.DeliveryStreamName === name);
  if (stream !== undefined) return stream;
  throw new FirehoseError('ResourceNotFoundException', `Firehose ${name} under account ${LOCAL_ACCOUNT} not found.`);
}

/** In the order of their names, of one type where it is named. */
function list(input: Input, streams: readonly ServedStream[]): object {
  const { DeliveryStreamType: type, ExclusiveStartDeliveryStreamName: after, Limit: limit = LIST_LIMIT } = input;
  if (!(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= LIST_MAX_LIMIT)) {
    throw new FirehoseError('InvalidArgumentException', `Limit must be from 1 to ${LIST_MAX_LIMIT}`);
  }
  const names = streams
    .filter(({ description }) => type === undefined || description.DeliveryStreamType === type)
    .map(({ description }) => description.DeliveryStreamName!)
    .filter((name) => after === undefined || name > String(after))
    .sort();
  const DeliveryStreamNames = names.slice(0, Number(limit));
  return { DeliveryStreamNames, HasMoreDeliveryStreams: names.length > DeliveryStreamNames.length };
}

function put(input: Input, records: unknown, streams: readonly ServedStream[]) {
  const stream = streamOf(input, streams);
  if (!Array.isArray(records)) throw new FirehoseError('SerializationException', 'Records is no list');
  return stream.putRecordBatch(records.map(dataOf));
}

function dataOf(record: { readonly Data?: unknown } | null): Buffer {
  if (typeof record?.Data !== 'string') throw new FirehoseError('SerializationException', 'a record has no Data');
  return Buffer.from(record.Data, 'base64');
}

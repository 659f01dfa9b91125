/**
 * How many bytes of packs Firehose collects for one invocation (`BufferSizeInMBs`): what makes one full container file,
 * as far as the request and the response have room for it.
 */
import { FILE_MAX_BYTES } from './batch.ts';
import type { Codec } from './codec.ts';
import { RESPONSE_LIMIT } from './firehose-event.ts';

/**
 * What Firehose takes, in MB, by tenths
 * (https://docs.aws.amazon.com/firehose/latest/APIReference/API_ProcessorParameter.html). Which MB is not said: MiB is the
 * larger, so a batch is at most what is reckoned here.
 */
const LEAST_MB = 0.2;
const MOST_MB = 3;
const BYTES_A_MB = 1024 * 1024;

/** Bytes of JSON: 6 MB of Lambda's synchronous payload, as in AWS's own blueprint. */
const REQUEST_LIMIT = 6_000_000;
const BASE64 = 4 / 3;
/** Bytes of a pack with a single feed event: what a record costs beside its data weighs most where packs are small. */
const SMALLEST_PACK = 160;
/** Bytes of JSON beside the data of a record in the request, and of an answer in the response. */
const RECORD_FRAME = 400;
const ANSWER_FRAME = 400;
/** The buffer is a hint, so one pack may come on top: 300 KiB of lines that no compression makes smaller. */
const LARGEST_PACK = 300 * 1024;

/** Bytes of container files for a byte of packs. */
interface Growth {
  /** In a market in which every snapshot differs much from the one before. */
  readonly moving: number;
  /** The most of all markets: where books stand still packs shrink, and codecs that look less far back do not follow. */
  readonly most: number;
}

/**
 * Measured without and with raw levels, on every frame of 1, 20 and 256 simulated symbols and on 20 symbols whose books
 * stand still. The test of this file fills invocations of the resulting sizes with both.
 */
const GROWTH: Readonly<Record<Codec, { readonly levels: Growth; readonly raw: Growth }>> = {
  deflate: { levels: { moving: 0.96, most: 0.96 }, raw: { moving: 1.12, most: 1.12 } },
  snappy: { levels: { moving: 1.29, most: 1.29 }, raw: { moving: 1.6, most: 2.1 } },
  null: { levels: { moving: 2.8, most: 6.9 }, raw: { moving: 5.5, most: 12.5 } },
};

/**
 * More than one full file would begin a second, smaller one: objects are paid by the piece, so nothing would be gained.
 * @returns MB, by tenths, from 0.2 to 3
 */
export function bufferSizeMb(codec: Codec, rawLevels: boolean): number {
  const { moving, most } = GROWTH[codec][rawLevels ? 'raw' : 'levels'];
  const bytes = Math.min(requestRoom(), responseRoom(most), FILE_MAX_BYTES / moving);
  const tenths = Math.floor((bytes / BYTES_A_MB) * 10) / 10;
  return Math.min(MOST_MB, Math.max(LEAST_MB, tenths));
}

/** Bytes of the smallest packs that a request has room for. */
function requestRoom(): number {
  return (REQUEST_LIMIT - LARGEST_PACK * BASE64) / (BASE64 + RECORD_FRAME / SMALLEST_PACK);
}

/** Bytes of packs whose files a response has room for. */
function responseRoom(growth: number): number {
  return (RESPONSE_LIMIT - LARGEST_PACK * BASE64) / (growth * BASE64 + ANSWER_FRAME / SMALLEST_PACK);
}

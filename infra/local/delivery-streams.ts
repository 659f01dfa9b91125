/**
 * The two delivery streams into one lake, through one transformer: the one that reads the Kinesis stream, and the
 * direct-put one that brings back what is replayed.
 */
import type { DeliveredObject } from './firehose/buffers.ts';
import { describeDeliveryStream } from './firehose/description.ts';
import type { ServedStream } from './firehose/operations.ts';
import type { DeliveryStreamOptions } from './firehose/options.ts';
import type { DeliveryStats } from './firehose/record.ts';
import { startDeliveryStream } from './firehose.ts';

interface StreamIdentity {
  readonly name: string;
  readonly arn: string;
  readonly onDelivered: (object: DeliveredObject) => void;
}

interface DeliveryStreamsOptions {
  /** What both are told alike. */
  readonly shared: Omit<DeliveryStreamOptions, 'name' | 'arn' | 'source' | 'onDelivered'>;
  readonly live: StreamIdentity & Required<Pick<DeliveryStreamOptions, 'source'>>;
  readonly backfill: StreamIdentity;
  readonly bucketArn: string;
}

interface DeliveryStreams {
  readonly live: Readonly<DeliveryStats>;
  readonly backfill: Readonly<DeliveryStats>;
  /** As clients see them. */
  readonly served: readonly ServedStream[];
  /** Delivers everything that is in the Kinesis stream or was put. @throws as `DeliveryStream.drain` */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws as `startDeliveryStream` */
export async function startDeliveryStreams(options: DeliveryStreamsOptions): Promise<DeliveryStreams> {
  const { shared, bucketArn } = options;
  const described = (own: StreamIdentity & Pick<DeliveryStreamOptions, 'source'>) => {
    const all: DeliveryStreamOptions = { ...shared, ...own };
    return { all, description: describeDeliveryStream(all, bucketArn, Date.now()) };
  };
  const [ofLive, ofBackfill] = [described(options.live), described(options.backfill)];
  // The one that may fail to start comes last: until something is put, the other holds nothing.
  const backfill = await startDeliveryStream(ofBackfill.all);
  const live = await startDeliveryStream(ofLive.all);
  return {
    live: live.stats,
    backfill: backfill.stats,
    served: [
      { description: ofLive.description, putRecordBatch: live.putRecordBatch },
      { description: ofBackfill.description, putRecordBatch: backfill.putRecordBatch },
    ],
    drain: async () => void (await Promise.all([live.drain(), backfill.drain()])),
    stop: async () => void (await Promise.all([live.stop(), backfill.stop()])),
  };
}

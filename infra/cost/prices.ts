/**
 * Every price that the estimate uses, in one table: on-demand prices of one region in US dollars, the first tier where
 * there are several, no free tier, no tax, no discount. Beside each the page of AWS that sets it.
 */

export const PRICES_REGION = 'us-east-1';
/**
 * When they were last looked up: the rules on AWS's own pages, the figures in reports of them, as AWS's pages fetch theirs
 * by script.
 */
export const PRICES_DATE = '2026-11-22';

export interface Price {
  readonly usd: number;
  /** What so many dollars buy. */
  readonly unit: string;
  readonly source: string;
  /** No report of the figure of 2025 or later was found; it is what was known before. */
  readonly unconfirmed?: true;
}

const KINESIS = 'https://aws.amazon.com/kinesis/data-streams/pricing/';
const FIREHOSE = 'https://aws.amazon.com/firehose/pricing/';
const LAMBDA = 'https://aws.amazon.com/lambda/pricing/';
const S3 = 'https://aws.amazon.com/s3/pricing/';
const GLUE = 'https://aws.amazon.com/glue/pricing/';
const CLOUDWATCH = 'https://aws.amazon.com/cloudwatch/pricing/';
const FARGATE = 'https://aws.amazon.com/fargate/pricing/';
const KMS = 'https://aws.amazon.com/kms/pricing/';
const VPC = 'https://aws.amazon.com/vpc/pricing/';

export const PRICES = {
  shardHour: { usd: 0.015, unit: 'shard-hours', source: KINESIS },
  putUnits: { usd: 0.014, unit: 'million 25 KB units', source: KINESIS },
  /** Beyond 24 hours, up to 7 days. */
  extendedShardHour: { usd: 0.02, unit: 'shard-hours', source: KINESIS },
  onDemandHour: { usd: 0.04, unit: 'stream-hours', source: KINESIS },
  onDemandIn: { usd: 0.08, unit: 'GB', source: KINESIS },
  onDemandOut: { usd: 0.04, unit: 'GB', source: KINESIS },
  /** Beyond 24 hours, up to 7 days, of a stream on demand. */
  onDemandExtended: { usd: 0.1, unit: 'GB-months', source: KINESIS, unconfirmed: true },
  /** Beyond 7 days, in both modes. Sources disagree ($0.10 in one of them). */
  longTerm: { usd: 0.023, unit: 'GB-months', source: KINESIS, unconfirmed: true },
  streamKeyRequests: { usd: 0.03, unit: 'ten thousand requests', source: KMS, unconfirmed: true },
  keys: { usd: 1, unit: 'keys', source: KMS, unconfirmed: true },

  firehoseIn: { usd: 0.029, unit: 'GB in steps of 5 KB', source: FIREHOSE },
  partitionedOut: { usd: 0.02, unit: 'GB', source: FIREHOSE },
  partitionedObjects: { usd: 0.005, unit: 'thousand objects', source: FIREHOSE },

  lambdaRequests: { usd: 0.2, unit: 'million calls', source: LAMBDA },
  lambdaArmSeconds: { usd: 0.0000133334, unit: 'GB-seconds', source: LAMBDA },
  traces: { usd: 5, unit: 'million traces', source: 'https://aws.amazon.com/xray/pricing/', unconfirmed: true },

  put: { usd: 0.005, unit: 'thousand requests', source: S3 },
  get: { usd: 0.0004, unit: 'thousand requests', source: S3 },
  standard: { usd: 0.023, unit: 'GB-months', source: S3 },
  athena: { usd: 5, unit: 'TB scanned', source: 'https://aws.amazon.com/athena/pricing/' },
  catalogRequests: { usd: 1, unit: 'million requests', source: GLUE },
  catalogObjects: { usd: 1, unit: 'hundred thousand objects', source: GLUE },

  fargateArmVcpu: { usd: 0.03238, unit: 'vCPU-hours', source: FARGATE },
  fargateArmGb: { usd: 0.00356, unit: 'GB-hours', source: FARGATE },
  publicAddress: { usd: 0.005, unit: 'address-hours', source: VPC },
  writeUnits: { usd: 0.625, unit: 'million writes', source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/' },
  /** S3's events are opt-in events. */
  objectEvents: {
    usd: 1,
    unit: 'million events',
    source: 'https://aws.amazon.com/eventbridge/pricing/',
    unconfirmed: true,
  },
  queueRequests: { usd: 0.4, unit: 'million requests', source: 'https://aws.amazon.com/sqs/pricing/' },
  mails: { usd: 2, unit: 'hundred thousand e-mails', source: 'https://aws.amazon.com/sns/pricing/', unconfirmed: true },
  /** Into AWS, and within a region through public addresses of its services. */
  transferIn: { usd: 0, unit: 'GB', source: 'https://aws.amazon.com/ec2/pricing/on-demand/' },

  metrics: { usd: 0.3, unit: 'metrics', source: CLOUDWATCH },
  alarms: { usd: 0.1, unit: 'alarms', source: CLOUDWATCH },
  dashboards: { usd: 3, unit: 'dashboards', source: CLOUDWATCH },
  logsIn: { usd: 0.5, unit: 'GB', source: CLOUDWATCH },
  logsKept: { usd: 0.03, unit: 'GB-months', source: CLOUDWATCH, unconfirmed: true },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof PRICES;

/** The storage classes that hours are archived in. */
interface ArchivePrices {
  readonly kept: Price;
  readonly transitions: Price;
  readonly retrieved: Price;
  readonly get: Price;
}

function archivePrices(kept: number, transitions: number, retrieved: number, get: number): ArchivePrices {
  return {
    kept: { usd: kept, unit: 'GB-months', source: S3 },
    transitions: { usd: transitions, unit: 'thousand objects', source: S3, unconfirmed: true },
    retrieved: { usd: retrieved, unit: 'GB', source: S3 },
    get: { usd: get, unit: 'thousand requests', source: S3, unconfirmed: true },
  };
}

export const ARCHIVE_PRICES = {
  GLACIER_IR: archivePrices(0.004, 0.02, 0.03, 0.01),
  STANDARD_IA: archivePrices(0.0125, 0.01, 0.01, 0.001),
  ONEZONE_IA: archivePrices(0.01, 0.01, 0.01, 0.001),
  /** The tier of what nobody read for 30 days; its $0.0025 a month per 1,000 objects is left out. */
  INTELLIGENT_TIERING: archivePrices(0.0125, 0.01, 0, 0.0004),
} as const;

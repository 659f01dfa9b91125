/** The Kinesis stream between the producers and the delivery stream. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';

export interface StreamArgs {
  readonly mode: 'provisioned' | 'on-demand';
  /** Used where the stream is provisioned; AWS chooses them where it is not. */
  readonly shards: number;
  readonly retentionHours: number;
}

export class Stream extends ComponentResource {
  readonly name: Output<string>;
  readonly arn: Output<string>;

  constructor(name: string, { mode, shards, retentionHours }: StreamArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Stream', name, {}, opts);
    const provisioned = mode === 'provisioned';
    const stream = new aws.kinesis.Stream(
      name,
      {
        streamModeDetails: { streamMode: provisioned ? 'PROVISIONED' : 'ON_DEMAND' },
        ...(provisioned && { shardCount: shards }),
        retentionPeriod: retentionHours,
        // The key that AWS keeps for Kinesis: it costs nothing, and who may use the stream may use it.
        encryptionType: 'KMS',
        kmsKeyId: 'alias/aws/kinesis',
        // Metrics of single shards are billed as custom metrics; lanes are hashed evenly, and the stream's own metrics tell
        // throttles and lag.
        shardLevelMetrics: [],
      },
      // It holds rows that are nowhere else until they are delivered, and producers and the delivery stream know it by name.
      { parent: this, protect: true, retainOnDelete: true },
    );
    this.name = stream.name;
    this.arn = stream.arn;
    this.registerOutputs({ name: this.name, arn: this.arn });
  }
}

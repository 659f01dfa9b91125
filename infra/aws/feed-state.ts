/** The table of the last state of each symbol, from which the next session knows what it missed. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';

/** An item for each venue and symbol, as producer/state/dynamodb-store.ts reads and writes them. */
export class FeedState extends ComponentResource {
  /** The table's name. */
  readonly table: Output<string>;
  readonly arn: Output<string>;

  constructor(name: string, opts?: ComponentResourceOptions) {
    super('depthlake:aws:FeedState', name, {}, opts);
    const table = new aws.dynamodb.Table(
      name,
      {
        // Only key attributes are declared; the others are the store's.
        attributes: [{ name: 'feed', type: 'S' }],
        hashKey: 'feed',
        // A write a symbol in 10 s at most, and none while nothing runs.
        billingMode: 'PAY_PER_REQUEST',
        pointInTimeRecovery: { enabled: true },
        // Every table is encrypted; with the account's own aws/dynamodb key its use shows in CloudTrail. That key's policy
        // lets in whoever may use the table.
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        serverSideEncryption: { enabled: true },
        // Without it a session cannot name the gap before it: outside Pulumi, too, its deletion takes two steps.
        deletionProtectionEnabled: true,
      },
      { parent: this, protect: true, retainOnDelete: true },
    );
    this.table = table.name;
    this.arn = table.arn;
    this.registerOutputs({ table: this.table, arn: this.arn });
  }
}

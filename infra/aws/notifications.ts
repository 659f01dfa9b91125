/** Where alarms are sent: a topic with an e-mail address on it, which its owner has to confirm once. */
import * as aws from '@pulumi/aws';
import {
  ComponentResource,
  type ComponentResourceOptions,
  interpolate,
  jsonStringify,
  type Output,
} from '@pulumi/pulumi';

export interface NotificationsArgs {
  readonly email: string;
}

/** The grace in which the deletion of the key can be taken back; 7 is the least (https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html). */
const KEY_DELETION_DAYS = 7;

/** What the account's administrators need to manage the key, and no use of it. A key policy without them cannot be changed any more. */
const KEY_ADMINISTRATION = [
  'kms:DescribeKey',
  'kms:GetKeyPolicy',
  'kms:PutKeyPolicy',
  'kms:ListKeyPolicies',
  'kms:GetKeyRotationStatus',
  'kms:EnableKeyRotation',
  'kms:DisableKeyRotation',
  'kms:EnableKey',
  'kms:DisableKey',
  'kms:UpdateKeyDescription',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:ListResourceTags',
  'kms:ScheduleKeyDeletion',
  'kms:CancelKeyDeletion',
];

export class Notifications extends ComponentResource {
  readonly topicArn: Output<string>;

  constructor(name: string, { email }: NotificationsArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Notifications', name, {}, opts);
    const parent = { parent: this };
    const account = aws.getCallerIdentityOutput({}, parent).accountId;
    const partition = aws.getPartitionOutput({}, parent).partition;
    const region = aws.getRegionOutput({}, parent).region;
    // Alarms of other accounts must not speak through this topic.
    const alarmsOfThisAccount = {
      StringEquals: { 'aws:SourceAccount': account },
      ArnLike: { 'aws:SourceArn': interpolate`arn:${partition}:cloudwatch:${region}:${account}:alarm:*` },
    };
    // The key that AWS manages for SNS lets no alarm in (https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns).
    const key = new aws.kms.Key(
      name,
      {
        description: 'Encrypts the alarms of depthlake on their way',
        enableKeyRotation: true,
        deletionWindowInDays: KEY_DELETION_DAYS,
        // In a key's policy `*` is that key: its ARN is not known before it exists.
        policy: jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'AdministerKey',
              Effect: 'Allow',
              Principal: { AWS: interpolate`arn:${partition}:iam::${account}:root` },
              Action: KEY_ADMINISTRATION,
              Resource: '*',
            },
            {
              Sid: 'EncryptAlarms',
              Effect: 'Allow',
              Principal: { Service: 'cloudwatch.amazonaws.com' },
              Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
              Resource: '*',
              Condition: alarmsOfThisAccount,
            },
          ],
        }),
      },
      parent,
    );
    const topic = new aws.sns.Topic(name, { kmsMasterKeyId: key.arn }, parent);
    new aws.sns.TopicPolicy(
      name,
      {
        arn: topic.arn,
        policy: jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'PublishAlarms',
              Effect: 'Allow',
              Principal: { Service: 'cloudwatch.amazonaws.com' },
              Action: 'sns:Publish',
              Resource: topic.arn,
              Condition: alarmsOfThisAccount,
            },
          ],
        }),
      },
      parent,
    );
    new aws.sns.TopicSubscription(name, { topic: topic.arn, protocol: 'email', endpoint: email }, parent);
    this.topicArn = topic.arn;
    this.registerOutputs({ topicArn: this.topicArn });
  }
}

/** What a producer's task may do in the account, and what ECS may do for it. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, type Input, interpolate, type Output } from '@pulumi/pulumi';
import { createRole } from './iam.ts';
import { SPILL_PREFIX } from './lake.ts';

export interface ProducerRolesArgs {
  readonly streamArn: Input<string>;
  readonly stateTableArn: Input<string>;
  readonly lakeArn: Input<string>;
  readonly artifactsArn: Input<string>;
  readonly logGroupArn: Input<string>;
}

/** A component of its own, so that a service can wait for the policies too, not for the roles alone. */
export class ProducerRoles extends ComponentResource {
  /** Of ECS, before and beside the containers. */
  readonly executionRoleArn: Output<string>;
  /** Of the containers. */
  readonly taskRoleArn: Output<string>;

  constructor(name: string, args: ProducerRolesArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:ProducerRoles', name, {}, opts);
    const service = 'ecs-tasks.amazonaws.com';
    const trustCondition = this.#ownTasks();
    this.executionRoleArn = createRole(
      `${name}-execution`,
      {
        service,
        trustCondition,
        description: 'ECS: the log of the producer',
        // The images are public: pulling them needs no permission.
        statements: [
          {
            sid: 'Log',
            actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            resources: [interpolate`${args.logGroupArn}:*`],
          },
        ],
      },
      this,
    ).arn;
    this.taskRoleArn = createRole(
      `${name}-task`,
      {
        service,
        trustCondition,
        description: 'Producer: its stream, its state, its spill',
        statements: [
          // producer/stream/kinesis.ts
          {
            sid: 'Stream',
            actions: ['kinesis:DescribeStreamSummary', 'kinesis:PutRecords'],
            resources: [args.streamArn],
          },
          // producer/state/dynamodb-store.ts
          {
            sid: 'State',
            actions: ['dynamodb:DescribeTable', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem'],
            resources: [args.stateTableArn],
          },
          // producer/stream/s3.ts
          { sid: 'Spill', actions: ['s3:PutObject'], resources: [interpolate`${args.lakeArn}/${SPILL_PREFIX}*`] },
          // Every version of the bundle: tasks of the version before run while the next one starts, and a deployment that
          // fails goes back to it.
          { sid: 'Bundle', actions: ['s3:GetObject'], resources: [interpolate`${args.artifactsArn}/producer/*`] },
        ],
      },
      this,
    ).arn;
    this.registerOutputs({ executionRoleArn: this.executionRoleArn, taskRoleArn: this.taskRoleArn });
  }

  /**
   * Tasks of this account and region alone; ECS knows no finer source.
   * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
   */
  #ownTasks() {
    const { partition } = aws.getPartitionOutput({}, { parent: this });
    const { region } = aws.getRegionOutput({}, { parent: this });
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    return {
      StringEquals: { 'aws:SourceAccount': accountId },
      ArnLike: { 'aws:SourceArn': interpolate`arn:${partition}:ecs:${region}:${accountId}:*` },
    };
  }
}

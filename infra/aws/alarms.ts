/** The alarms, and whom they tell. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import type { AlarmRule, Stage, WatchSettings } from './alarm-rule.ts';
import { alarmRules } from './alarm-rules.ts';
import { Notifications } from './notifications.ts';
import type { Watched } from './watched.ts';

export interface AlarmsArgs {
  readonly watched: Watched<Input<string>>;
  readonly settings: WatchSettings;
  /** null: alarms are seen on the dashboard alone. */
  readonly email: string | null;
}

const COMPARISONS = {
  'at least': 'GreaterThanOrEqualToThreshold',
  above: 'GreaterThanThreshold',
  below: 'LessThanThreshold',
} as const;

/** What a deployment may take until the first data come. */
const START_MINUTES = 15;

export class Alarms extends ComponentResource {
  /** null: nobody is told. */
  readonly topicArn: Output<string> | null;
  /** In the order of the pipeline. */
  readonly alarms: readonly { readonly stage: Stage; readonly arn: Output<string> }[];

  constructor(name: string, { watched, settings, email }: AlarmsArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Alarms', name, {}, opts);
    const parent = { parent: this };
    this.topicArn = email === null ? null : new Notifications(`${name}-notifications`, { email }, parent).topicArn;
    const told = this.topicArn === null ? [] : [this.topicArn];
    this.alarms = alarmRules(watched, settings).map((rule) => ({
      stage: rule.stage,
      arn: new aws.cloudwatch.MetricAlarm(`${name}-${rule.name}`, propertiesOf(rule, told), parent).arn,
    }));
    this.registerOutputs({ topicArn: this.topicArn });
  }
}

function propertiesOf(rule: AlarmRule<Input<string>>, told: readonly Output<string>[]): aws.cloudwatch.MetricAlarmArgs {
  const { metric, dimensions } = rule.series;
  return {
    alarmDescription: rule.description,
    namespace: metric.namespace,
    metricName: metric.name,
    dimensions,
    statistic: rule.statistic,
    comparisonOperator: COMPARISONS[rule.when],
    threshold: rule.threshold,
    period: rule.periodSeconds,
    datapointsToAlarm: rule.breaches,
    evaluationPeriods: rule.periods,
    treatMissingData: rule.silence,
    // Else a new system cried before it ran; ends as soon as there are data for a window
    // (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html).
    ...(rule.silence === 'breaching' && {
      warmUpConfiguration: { warmUpPeriodDurationInMinutes: START_MINUTES + (rule.periods * rule.periodSeconds) / 60 },
    }),
    alarmActions: [...told],
    okActions: rule.tellsEnd ? [...told] : [],
  };
}

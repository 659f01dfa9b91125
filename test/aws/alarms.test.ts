import { output } from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';
import { Alarms } from '../../infra/aws/alarms.ts';
import { Dashboard } from '../../infra/aws/dashboard.ts';
import { ACCOUNT, type Declared, declare, ofType, only, REGION } from './mocks.ts';
import { SETTINGS, watching } from './watching.ts';

const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:watch-alarms-notifications-a1b2c3d`;

interface Watching {
  readonly declared: readonly Declared[];
  readonly topicArn: string | null;
  readonly url: string;
}

async function watch(email: string | null): Promise<Watching> {
  const told: { topicArn: string | null; url: string } = { topicArn: null, url: '' };
  const declared = await declare(() => {
    const plain = watching(2);
    const watched = { ...plain, stream: output(plain.stream), delivery: output(plain.delivery) };
    const alarms = new Alarms('watch-alarms', { watched, settings: SETTINGS, email });
    const logGroups = [output('/producer'), '/transformer'];
    const dashboard = new Dashboard('watch', { watched, settings: SETTINGS, alarms: alarms.alarms, logGroups });
    alarms.topicArn?.apply((arn) => (told.topicArn = arn));
    dashboard.url.apply((url) => (told.url = url));
  });
  return { declared, ...told };
}

let withEmail: Watching;
let without: Watching;

beforeAll(async () => {
  withEmail = await watch('ops@example.com');
  without = await watch(null);
});

function alarm({ declared }: Watching, name: string): Declared['inputs'] {
  return only(declared, ALARM, `watch-alarms-${name}`).inputs;
}

describe('the alarms', () => {
  test('are those of the rules, of AWS’s words', () => {
    expect(ofType(withEmail.declared, ALARM)).toHaveLength(25);
    expect(alarm(withEmail, 'no-task-producer-1')).toMatchObject({
      namespace: 'AWS/ECS',
      metricName: 'CPUUtilization',
      dimensions: { ClusterName: 'cluster-a', ServiceName: 'service-1' },
      statistic: 'SampleCount',
      comparisonOperator: 'LessThanThreshold',
      threshold: 1,
      period: 60,
      datapointsToAlarm: 5,
      evaluationPeriods: 5,
      treatMissingData: 'breaching',
    });
    expect(alarm(withEmail, 'read-lag')).toMatchObject({
      dimensions: { DeliveryStreamName: 'delivery-a' },
      comparisonOperator: 'GreaterThanThreshold',
    });
    expect(alarm(withEmail, 'failures')['comparisonOperator']).toBe('GreaterThanOrEqualToThreshold');
  });

  test('tell the topic, and the end of a state too', () => {
    expect(withEmail.topicArn).toBe(TOPIC);
    expect(alarm(withEmail, 'write-throttles')).toMatchObject({ alarmActions: [TOPIC], okActions: [TOPIC] });
    expect(alarm(withEmail, 'gaps-producer-0')).toMatchObject({ alarmActions: [TOPIC], okActions: [] });
  });

  test('tell nobody where there is no e-mail address, and no topic or key is paid for', () => {
    expect(without.topicArn).toBeNull();
    expect(ofType(without.declared, ALARM)).toHaveLength(25);
    for (const { inputs } of ofType(without.declared, ALARM)) {
      expect(inputs).toMatchObject({ alarmActions: [], okActions: [] });
    }
    for (const type of ['aws:sns/topic:Topic', 'aws:kms/key:Key']) expect(ofType(without.declared, type)).toEqual([]);
  });

  test('do not cry before a new system has run: where silence is alarming, they wait for data first', () => {
    const warmUps = ofType(withEmail.declared, ALARM).map(({ name, inputs }) => [
      name.replace('watch-alarms-', ''),
      inputs['warmUpConfiguration']?.warmUpPeriodDurationInMinutes,
    ]);

    expect(Object.fromEntries(warmUps.filter(([, minutes]) => minutes !== undefined))).toEqual({
      'no-snapshots-producer-0': 20,
      'no-snapshots-producer-1': 20,
      'no-task-producer-0': 20,
      'no-task-producer-1': 20,
      'read-lag': 30,
    });
  });

  test('leave their names to Pulumi', () => {
    for (const { inputs } of ofType(withEmail.declared, ALARM)) expect(inputs).not.toHaveProperty('name');
  });
});

describe('the notifications', () => {
  const OURS = {
    StringEquals: { 'aws:SourceAccount': ACCOUNT },
    ArnLike: { 'aws:SourceArn': `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:*` },
  };

  test('reach the address by e-mail', () => {
    const { inputs } = only(withEmail.declared, 'aws:sns/topicSubscription:TopicSubscription');

    expect(inputs).toMatchObject({ topic: TOPIC, protocol: 'email', endpoint: 'ops@example.com' });
  });

  test('come from this account’s alarms alone', () => {
    const { inputs } = only(withEmail.declared, 'aws:sns/topicPolicy:TopicPolicy');

    expect(inputs['arn']).toBe(TOPIC);
    expect(JSON.parse(inputs['policy']).Statement).toEqual([
      {
        Sid: 'PublishAlarms',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: TOPIC,
        Condition: OURS,
      },
    ]);
  });

  test('are encrypted with a key that alarms may use, and that the account administers but not uses', () => {
    const key = only(withEmail.declared, 'aws:kms/key:Key');
    const { inputs: topic } = only(withEmail.declared, 'aws:sns/topic:Topic');
    const [administration, use, ...more] = JSON.parse(key.inputs['policy']).Statement;

    expect(topic['kmsMasterKeyId']).toBe(key.outputs['arn']);
    expect(key.inputs).toMatchObject({ enableKeyRotation: true, deletionWindowInDays: 7 });
    expect(use).toMatchObject({
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Condition: OURS,
    });
    expect(administration.Principal).toEqual({ AWS: `arn:aws:iam::${ACCOUNT}:root` });
    expect(administration.Action).toContain('kms:PutKeyPolicy');
    for (const action of administration.Action) expect(action).not.toMatch(/\*|crypt|GenerateDataKey|CreateGrant/);
    expect(more).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('is named for project and stack, and its address opens it', () => {
    const { inputs } = only(withEmail.declared, 'aws:cloudwatch/dashboard:Dashboard');

    expect(inputs['dashboardName']).toBe('depthlake-test');
    expect(withEmail.url).toBe(
      `https://${REGION}.console.aws.amazon.com/cloudwatch/home?region=${REGION}#dashboards/dashboard/depthlake-test`,
    );
  });

  test('shows the alarms by their ARNs and metrics by the names that AWS gave', () => {
    const { inputs } = only(withEmail.declared, 'aws:cloudwatch/dashboard:Dashboard');
    const body = inputs['dashboardBody'] as string;
    const shown = JSON.parse(body).widgets.flatMap(
      ({ properties }: { properties: { alarms?: string[] } }) => properties.alarms ?? [],
    );

    const arns = ofType(withEmail.declared, ALARM).map(({ outputs }) => outputs['arn']);
    expect(shown.toSorted()).toEqual(arns.toSorted());
    expect(body).toContain('["AWS/Kinesis","IncomingBytes","StreamName","stream-a"');
    expect(body).not.toMatch(/Output<|Calling \[toString\]|undefined/);
  });
});

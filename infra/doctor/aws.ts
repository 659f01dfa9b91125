/** The checks of AWS's side, or of what stands in its place. */
import { DescribeDeliveryStreamCommand, FirehoseClient } from '@aws-sdk/client-firehose';
import { GetDatabaseCommand, GetTableCommand, GlueClient } from '@aws-sdk/client-glue';
import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { createKinesisClient } from '../../producer/stream/kinesis.ts';
import { type AwsService, awsFailure, isMissing } from './aws-failure.ts';
import { judgeTable, missingTable, whatOf } from './catalog-table.ts';
import { bucketOf, WHAT as DELIVERY, type ExpectedSource, judgeDelivery, missingDelivery } from './delivery-stream.ts';
import { type Finding, failure, ok, type Progress } from './finding.ts';
import { judgeStream, missingStream } from './kinesis-stream.ts';
import { within } from './within.ts';

/** Where a service is; what is absent comes from the standard AWS variables and files. */
export interface ServiceAccess {
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface AwsAccess {
  readonly sts: ServiceAccess;
  readonly kinesis: ServiceAccess;
  readonly firehose: ServiceAccess;
  readonly glue: ServiceAccess;
}

export interface AwsScope {
  readonly access: AwsAccess;
  readonly stream: string;
  readonly deliveryStream: string;
  /** The delivery stream that takes direct puts; null: none is looked for. */
  readonly backfillStream: string | null;
  readonly database: string;
  /** The lake's; null: whatever the delivery stream delivers into. */
  readonly bucket: string | null;
  /** For each call. */
  readonly timeoutMs: number;
  readonly progress: Progress;
}

interface Described {
  readonly findings: readonly Finding[];
  readonly arn: string | null;
}

const STS: AwsService = { variable: 'STS', permission: null };
const KINESIS: AwsService = { variable: 'KINESIS', permission: 'kinesis:DescribeStreamSummary and kinesis:PutRecords' };
const FIREHOSE: AwsService = { variable: 'FIREHOSE', permission: 'firehose:DescribeDeliveryStream' };
const GLUE: AwsService = { variable: 'GLUE', permission: 'glue:GetDatabase and glue:GetTable' };

/** Identity, Kinesis stream, Firehose streams, tables. */
export async function checkAws(scope: AwsScope): Promise<Finding[]> {
  const { progress } = scope;
  progress('the AWS identity');
  const identity = await checkIdentity(scope);
  progress(`the Kinesis stream ${scope.stream}`);
  const stream = await checkStream(scope);
  progress(`the Firehose stream ${scope.deliveryStream}`);
  const source = { stream: scope.stream, streamArn: stream.arn };
  const delivery = await checkDelivery(scope, scope.deliveryStream, source, '--delivery-stream');
  const bucket = scope.bucket ?? delivery.bucket;
  const backfill = await checkBackfill({ ...scope, bucket });
  progress(`the tables of ${scope.database}`);
  const tables = await checkTables(scope, bucket);
  return [identity, ...stream.findings, ...delivery.findings, ...backfill, ...tables];
}

/** The findings name it, as those of the other delivery stream have the same subjects. */
async function checkBackfill(scope: AwsScope): Promise<Finding[]> {
  const name = scope.backfillStream;
  if (name === null) return [];
  scope.progress(`the Firehose stream ${name}`);
  const { findings } = await checkDelivery(scope, name, null, '--backfill-stream');
  return findings.map((finding) => ({ ...finding, what: `backfill: ${finding.what}` }));
}

async function checkIdentity({ access, timeoutMs }: AwsScope): Promise<Finding> {
  const client = new STSClient({ maxAttempts: 1, ...access.sts });
  try {
    const { Account, Arn } = await within(timeoutMs, client.send(new GetCallerIdentityCommand({})));
    return ok('identity', `account ${Account}, ${Arn}`);
  } catch (error) {
    return awsFailure('identity', error, STS);
  } finally {
    client.destroy();
  }
}

async function checkStream({ access, stream, timeoutMs }: AwsScope): Promise<Described> {
  const client = createKinesisClient(access.kinesis);
  try {
    const answer = await within(timeoutMs, client.send(new DescribeStreamSummaryCommand({ StreamName: stream })));
    const summary = answer.StreamDescriptionSummary!;
    return { findings: [judgeStream(summary)], arn: summary.StreamARN ?? null };
  } catch (error) {
    const finding = isMissing(error)
      ? missingStream(stream, await client.config.region())
      : awsFailure('kinesis stream', error, KINESIS);
    return { findings: [finding], arn: null };
  } finally {
    client.destroy();
  }
}

/** @param source that it is to read from; null: it is to take direct puts. @param flag that names the delivery stream */
async function checkDelivery(
  { access, bucket, timeoutMs }: AwsScope,
  name: string,
  source: ExpectedSource | null,
  flag: string,
) {
  const client = new FirehoseClient({ maxAttempts: 1, ...access.firehose });
  try {
    const command = new DescribeDeliveryStreamCommand({ DeliveryStreamName: name });
    const description = (await within(timeoutMs, client.send(command))).DeliveryStreamDescription!;
    const findings = judgeDelivery(description, { source, bucket });
    return { findings, bucket: bucketOf(description) };
  } catch (error) {
    const finding = isMissing(error)
      ? missingDelivery(name, await client.config.region(), flag)
      : awsFailure(DELIVERY, error, FIREHOSE);
    return { findings: [finding], bucket: null };
  } finally {
    client.destroy();
  }
}

async function checkTables({ access, database, timeoutMs }: AwsScope, bucket: string | null): Promise<Finding[]> {
  const client = new GlueClient({ maxAttempts: 1, ...access.glue });
  try {
    await within(timeoutMs, client.send(new GetDatabaseCommand({ Name: database })));
    const tables = TABLE_NAMES.map((table) => checkTable(client, database, table, bucket, timeoutMs));
    return [ok('glue database', `${database} is there`), ...(await Promise.all(tables))];
  } catch (error) {
    if (!isMissing(error)) return [awsFailure('glue database', error, GLUE)];
    const cure = 'Deploy the stack, or name another with --database.';
    return [failure('glue database', `there is no database ${database}`, cure)];
  } finally {
    client.destroy();
  }
}

async function checkTable(
  client: GlueClient,
  database: string,
  table: TableName,
  bucket: string | null,
  timeoutMs: number,
): Promise<Finding> {
  try {
    const command = new GetTableCommand({ DatabaseName: database, Name: table });
    return judgeTable(table, (await within(timeoutMs, client.send(command))).Table!, bucket);
  } catch (error) {
    return isMissing(error) ? missingTable(table) : awsFailure(whatOf(table), error, GLUE);
  }
}

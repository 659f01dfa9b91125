/** The whole system in an AWS account, from the exchange's side to the questions of its users. */
import { getRegionOutput } from '@pulumi/aws';
import { Alarms } from './alarms.ts';
import { Artifacts } from './artifacts.ts';
import type { Bundles } from './bundles.ts';
import { Catalog } from './catalog.ts';
import { Dashboard } from './dashboard.ts';
import { Delivery } from './delivery.ts';
import { Failures } from './failures.ts';
import { FeedState } from './feed-state.ts';
import { Lake } from './lake.ts';
import { sqlName } from './names.ts';
import { Network } from './network.ts';
import { Producer } from './producer.ts';
import { Queries } from './queries.ts';
import type { Deployment } from './settings.ts';
import { Stream } from './stream.ts';
import { tagEverything } from './tags.ts';
import { Transformer } from './transformer.ts';

/** Whose deployment it is, and what runs in it. */
export interface Place {
  readonly project: string;
  readonly stack: string;
  readonly bundles: Bundles;
}

/** Declares everything. @returns the stack's outputs */
export function deploy(settings: Deployment, { project, stack, bundles }: Place): Record<string, unknown> {
  tagEverything({ project, stack });

  const stream = new Stream('stream', { ...settings, mode: settings.streamMode });

  const lake = new Lake('lake', settings);
  const failures = new Failures('failures', { lake });
  const catalog = new Catalog('catalog', { database: sqlName(project, stack), bucket: lake.bucket });
  const transformer = new Transformer('transformer', {
    bundle: bundles.transformer,
    codec: settings.codec,
    database: catalog.database,
    tableArns: catalog.arns,
    bucket: lake.bucket,
    failuresArn: failures.queueArn,
    stack,
    tracing: settings.tracing,
  });
  const intoLake = {
    ...settings,
    transformerArn: transformer.arn,
    bucket: { name: lake.bucket, arn: lake.arn },
  };
  const delivery = new Delivery('delivery', { ...intoLake, source: { streamArn: stream.arn } });
  const backfill = new Delivery('backfill', { ...intoLake, source: null });

  const state = new FeedState('feed-state');
  const artifacts = new Artifacts('artifacts', { producerBundle: bundles.producer });
  const network = new Network('network', settings);
  const producer = new Producer(
    'producer',
    { settings, stack, network, stream, state, lake, artifacts },
    // Firehose begins with what comes after it is there.
    { dependsOn: [delivery] },
  );

  const queries = new Queries('queries', { catalog });

  const watched = {
    stack,
    producers: producer.services.map(({ name, producer }) => ({ producer, service: name })),
    cluster: producer.cluster,
    stream: stream.name,
    transformer: transformer.functionName,
    delivery: delivery.name,
    backfill: backfill.name,
    bucket: lake.bucket,
    failures: failures.queueName,
    deadLetters: failures.deadLetterName,
  };
  const watchSettings = { ...settings, timeoutSeconds: transformer.timeoutSeconds };
  const { alarms } = new Alarms('alarms', { watched, settings: watchSettings, email: settings.alarmEmail });
  const logGroups = [producer.logGroup, transformer.logGroup, delivery.logGroup, backfill.logGroup];
  const dashboard = new Dashboard('dashboard', { watched, settings: watchSettings, alarms, logGroups });

  return {
    bucket: lake.bucket,
    database: catalog.database,
    tables: catalog.tables,
    views: queries.views,
    workgroup: queries.workgroup,
    stream: stream.name,
    deliveryStream: delivery.name,
    backfillStream: backfill.name,
    stateTable: state.table,
    dashboardUrl: dashboard.url,
    firstQuery: queries.firstQuery,
    cluster: producer.cluster,
    producerServices: producer.services.map(({ name }) => name),
    producerLogGroup: producer.logGroup,
    transformerFunction: transformer.functionName,
    transformerLogGroup: transformer.logGroup,
    failuresQueue: failures.queueUrl,
    environment: {
      AWS_REGION: getRegionOutput().region,
      DEPTHLAKE_STREAM: stream.name,
      DEPTHLAKE_DELIVERY_STREAM: delivery.name,
      DEPTHLAKE_BACKFILL_STREAM: backfill.name,
      DEPTHLAKE_GLUE_DATABASE: catalog.database,
      DEPTHLAKE_BUCKET: lake.bucket,
      DEPTHLAKE_WORKGROUP: queries.workgroup,
      DEPTHLAKE_STACK: stack,
      DEPTHLAKE_VENUE: settings.venue,
      DEPTHLAKE_SYMBOLS: settings.symbols.join(','),
      DEPTHLAKE_BOOK: settings.book,
    },
  };
}

/** The containers of a producer's task: one that brings the bundle, and the producer. Plain values, as ECS takes them. */
import { FEED_SETTINGS, MONITOR_SETTINGS, type Setting, STREAM_SETTINGS, variableOf } from '../../producer/config.ts';
import type { ProducerService } from './producer-services.ts';
import type { Deployment } from './settings.ts';
import type { TaskSize } from './task-size.ts';

/** Where the task is put, and what it reaches there. */
export interface TaskPlace {
  readonly region: string;
  readonly stack: string;
  readonly stream: string;
  readonly stateTable: string;
  /** Where a task puts what is spilled at its end. */
  readonly spillUrl: string;
  readonly artifactBucket: string;
  /** Names the bundle by its content: another bundle is another task definition. */
  readonly bundleKey: string;
  readonly logGroup: string;
}

export interface Variable {
  readonly name: string;
  readonly value: string;
}

/**
 * Docker's official image as Amazon mirrors it, with arm64, by exact version. Node's line is the one that the Lambdas run
 * on (`nodejs24.x`). By tag, not by digest: a rebuild of the same version brings Debian's security updates.
 */
const NODE_IMAGE = 'public.ecr.aws/docker/library/node:24.21.0-bookworm-slim';
/** https://docs.aws.amazon.com/cli/latest/userguide/getting-started-docker.html */
const AWS_CLI_IMAGE = 'public.ecr.aws/aws-cli/aws-cli:2.36.15';
/** The user `node` of that image. */
const NODE_USER = '1000:1000';

const BUNDLE_VOLUME = 'bundle';
const WORK_VOLUME = 'work';
/** Both go with the task. */
export const VOLUMES = [BUNDLE_VOLUME, WORK_VOLUME] as const;
const BUNDLE_FOLDER = '/bundle';
const BUNDLE_FILE = `${BUNDLE_FOLDER}/producer.mjs`;
const WORK_FOLDER = '/work';

/** On loopback: the health check runs inside the container, and no port is open to anybody else. */
const MONITOR = '127.0.0.1:9464';
/**
 * Of the 20 GiB that a task has, which hold the images too (about 1 GiB unpacked).
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
 */
const SPILL_MIB = 12 * 1024;
/** What waits for CloudWatch in memory; hours of the producer's log, which says a few lines a minute. */
const LOG_BUFFER = '4m';
/** Connections, files of the spill and calls together are some dozens: a leak ends in an error, not in the host's limit. */
const OPEN_FILES = 4096;

/** Exit status 0: well; ECS reports the task healthy once a check has succeeded. */
const HEALTH_SCRIPT = `fetch('http://${MONITOR}/healthz').then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))`;

/** The definition's `containerDefinitions`. */
export function producerContainers(place: TaskPlace, variables: readonly Variable[]): readonly object[] {
  return [bundleContainer(place), producerContainer(place, variables)];
}

/** Everything that the producer reads from its environment, by the names of producer/config.ts. */
export function producerVariables(
  place: TaskPlace,
  settings: Deployment,
  { producer, shard }: ProducerService,
  { heapMib }: TaskSize,
): readonly Variable[] {
  const { venue, symbols, book, every: everyMs, rawLevels } = settings;
  const values: readonly (readonly [Setting<unknown>, string])[] = [
    [FEED_SETTINGS.venue, venue],
    [FEED_SETTINGS.symbols, symbols.join(',')],
    [FEED_SETTINGS.shard, `${shard.index}/${shard.count}`],
    [FEED_SETTINGS.book, book],
    [FEED_SETTINGS.everyMs, everyMs === 0 ? 'frame' : `${everyMs}ms`],
    [FEED_SETTINGS.rawLevels, String(rawLevels)],
    [STREAM_SETTINGS.stream, place.stream],
    [STREAM_SETTINGS.work, WORK_FOLDER],
    [STREAM_SETTINGS.spillMib, String(SPILL_MIB)],
    // The volume goes with the task: what is still spilled at its end is put where recovery takes it from.
    [STREAM_SETTINGS.spillTo, place.spillUrl],
    [STREAM_SETTINGS.state, `dynamodb:${place.stateTable}`],
    [MONITOR_SETTINGS.monitor, MONITOR],
    // CloudWatch reads the figures out of the log.
    [MONITOR_SETTINGS.metrics, 'emf'],
    [MONITOR_SETTINGS.stack, place.stack],
    [MONITOR_SETTINGS.producer, producer],
  ];
  return [
    ...values.map(([setting, value]) => ({ name: variableOf(setting)!, value })),
    { name: 'AWS_REGION', value: place.region },
    { name: 'NODE_OPTIONS', value: `--max-old-space-size=${heapMib}` },
  ];
}

/**
 * Brings the bundle, and opens the work folder to the producer's user: a volume of Fargate belongs to root, with mode
 * 0755, unless the image declares it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
 */
function bundleContainer(place: TaskPlace): object {
  return {
    ...common(place),
    name: 'bundle',
    image: AWS_CLI_IMAGE,
    // Its end is what the producer waits for.
    essential: false,
    // Owner of both folders; without any capability it can do no more than that.
    user: '0:0',
    entryPoint: ['/bin/sh', '-ec'],
    command: [
      `chmod 0777 ${WORK_FOLDER}; aws s3 cp --no-progress "s3://${place.artifactBucket}/${place.bundleKey}" ${BUNDLE_FILE}`,
    ],
    environment: [
      { name: 'AWS_REGION', value: place.region },
      // The CLI keeps a cache under the home folder, and the root file system is read-only.
      { name: 'HOME', value: BUNDLE_FOLDER },
    ],
    mountPoints: [mount(BUNDLE_VOLUME, BUNDLE_FOLDER, false), mount(WORK_VOLUME, WORK_FOLDER, false)],
  };
}

function producerContainer(place: TaskPlace, environment: readonly Variable[]): object {
  return {
    ...common(place),
    name: 'producer',
    image: NODE_IMAGE,
    essential: true,
    user: NODE_USER,
    // Not through the image's shell script: signals reach node itself.
    entryPoint: ['node'],
    command: [BUNDLE_FILE],
    environment,
    dependsOn: [{ containerName: 'bundle', condition: 'SUCCESS' }],
    mountPoints: [mount(BUNDLE_VOLUME, BUNDLE_FOLDER, true), mount(WORK_VOLUME, WORK_FOLDER, false)],
    // The session's end: 20 s for Kinesis, 5 s for the disk, 60 s and a last call of 8 s for the spill's upload. Fargate
    // grants 120 s at the most. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
    stopTimeout: 120,
    // A crash starts the producer again in the same task, where its spill is. One that does not live for a minute is the
    // service's to replace, which counts it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
    restartPolicy: { enabled: true, restartAttemptPeriod: 60 },
    // /healthz turns good with the first accepted pack, seconds after the start where the venue and Kinesis answer. Until
    // then 300 s are granted, the most there is, then three checks more.
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    healthCheck: {
      command: ['CMD', 'node', '-e', HEALTH_SCRIPT],
      interval: 20,
      // Starting node takes up to a second on a quarter of a vCPU.
      timeout: 10,
      retries: 3,
      startPeriod: 300,
    },
  };
}

function common({ logGroup, region }: TaskPlace): object {
  return {
    readonlyRootFilesystem: true,
    // An init process passes SIGTERM on and reaps what the health check leaves.
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
    ulimits: [{ name: 'nofile', softLimit: OPEN_FILES, hardLimit: OPEN_FILES }],
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': logGroup,
        'awslogs-region': region,
        'awslogs-stream-prefix': 'task',
        // A CloudWatch that is away must not hold up the producer; lines beyond the buffer are lost.
        // https://aws.amazon.com/blogs/containers/preventing-log-loss-with-non-blocking-mode-in-the-awslogs-container-log-driver/
        mode: 'non-blocking',
        'max-buffer-size': LOG_BUFFER,
      },
    },
  };
}

function mount(sourceVolume: string, containerPath: string, readOnly: boolean): object {
  return { sourceVolume, containerPath, readOnly };
}

/** The AWS services of a replay: those that the standard variables lead to, or those of a running local pipeline. */
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { DepthlakeError } from '../../producer/errors.ts';
import { createKinesisClient } from '../../producer/stream/kinesis.ts';
import { readEndpoints } from '../local/endpoints.ts';
import { LOCAL_REGION } from '../local/environment.ts';

/** Calls that failed are made again by the SDK so many times; reading can be repeated without harm. */
const ATTEMPTS = 5;

export interface ReplayServices {
  kinesis(): KinesisClient;
  /** For enhanced fan-out, which AWS documents over HTTP/2 alone; null: the other client does, as on one machine. */
  subscriber(): KinesisClient | null;
  firehose(): FirehoseClient;
  s3(): S3Client;
  /** The delivery stream that takes direct puts, as far as it is known without asking. */
  readonly backfillStream: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Region, credentials and endpoints come from the standard AWS variables and files. */
export function standardServices(env: Env): ReplayServices {
  const ownEndpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  const ownKinesis = env['AWS_ENDPOINT_URL_KINESIS'] ?? env['AWS_ENDPOINT_URL'];
  return {
    kinesis: () => createKinesisClient(),
    // HTTP/2 is the SDK's own choice for Kinesis; emulators without TLS do not speak it.
    subscriber: () => (ownKinesis?.startsWith('http:') ? null : new KinesisClient({ maxAttempts: 1 })),
    firehose: () => new FirehoseClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler() }),
    // Other servers than Amazon's take the bucket in the path, not in the host's name.
    s3: () => new S3Client({ maxAttempts: ATTEMPTS, forcePathStyle: ownEndpoint !== undefined }),
    backfillStream: env['DEPTHLAKE_BACKFILL_STREAM'] || undefined,
  };
}

/** @throws DL_SETTINGS where no `depthlake start` runs on the folder */
export async function localServices(dataFolder: string, env: Env): Promise<ReplayServices> {
  const endpoints = await readEndpoints(dataFolder);
  if (endpoints === null) {
    throw new DepthlakeError(
      'DL_SETTINGS',
      `no local pipeline runs on the folder ${dataFolder}: run \`depthlake start\` first, or name its folder with --data`,
    );
  }
  const at = (endpoint: string) => ({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  return {
    ...standardServices(env),
    kinesis: () => createKinesisClient(at(endpoints.kinesis)),
    subscriber: () => null,
    firehose: () =>
      new FirehoseClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler(), ...at(endpoints.control) }),
    backfillStream: endpoints.backfill,
  };
}

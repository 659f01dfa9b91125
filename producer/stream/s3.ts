/** The S3 side of the spill: the SDK's client, one PutObject call. */
import { PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { PutObject } from './upload.ts';

/** A call without an answer for so long is given up: a session that ends has no more left of its 30 s. */
const CALL_TIMEOUT_MS = 8_000;

/**
 * Region, credentials and endpoint come from the standard AWS variables and files.
 * @param env where an endpoint may stand: other servers than Amazon's take the bucket in the path, not in the host's name
 */
export function createS3Client(config: S3ClientConfig = {}, env: NodeJS.ProcessEnv = process.env): S3Client {
  const ownEndpoint = config.endpoint ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  return new S3Client({
    maxAttempts: 2,
    requestHandler: new NodeHttpHandler(),
    forcePathStyle: ownEndpoint !== undefined,
    ...config,
  });
}

export function putObject(client: S3Client, bucket: string): PutObject {
  return async (key, bytes) => {
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes });
    await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  };
}

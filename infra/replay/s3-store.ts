/** A lake in a bucket, as it is read: the SDK's client, ListObjectsV2 and GetObject. */
import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { LakeStore } from '../../transformer/lake.ts';
import { isDenied, isWithoutCredentials, isWithoutRegion } from './denial.ts';

/** A page of a listing, with the SDK's own retries. */
const LIST_TIMEOUT_MS = 60_000;
/** A whole object; a sealed one may have some hundred MB. */
const GET_TIMEOUT_MS = 300_000;
/** The SDK tries a call again, but not an answer that breaks off in the middle of an object. */
const BODY_ATTEMPTS = 3;

/**
 * @param client its `maxAttempts` says how often a call is tried
 * @param prefix the lake's root in the bucket, with or without a slash at its end; '' for the bucket itself. Keys are
 *   those below it
 * @throws DL_LAKE_MISSING (no such bucket), DL_REPLAY_DENIED, DL_REPLAY_UNREACHABLE, DL_SETTINGS (no region);
 *   `get`: also DL_FILE_UNREADABLE for an object that is gone, or archived where it has to be restored first
 */
export function openS3Store(client: S3Client, bucket: string, prefix: string): LakeStore {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '');
  const root = trimmed === '' ? '' : `${trimmed}/`;
  return {
    async *list(below) {
      for await (const { Contents = [] } of pages(client, bucket, { Prefix: root + below })) {
        for (const { Key = '', Size = 0 } of Contents) yield { key: Key.slice(root.length), bytes: Size };
      }
    },
    async folders(below) {
      const path = root + below;
      const names: string[] = [];
      for await (const { CommonPrefixes = [] } of pages(client, bucket, { Prefix: path, Delimiter: '/' })) {
        names.push(...CommonPrefixes.map(({ Prefix = '' }) => Prefix.slice(path.length, -1)));
      }
      return names;
    },
    get: (key) => getWhole(client, bucket, root + key),
  };
}

async function* pages(
  client: S3Client,
  bucket: string,
  query: { Prefix: string; Delimiter?: string },
): AsyncGenerator<ListObjectsV2CommandOutput> {
  let token: string | undefined;
  do {
    const command = new ListObjectsV2Command({ Bucket: bucket, ...query, ContinuationToken: token });
    const page = await client.send(command, { abortSignal: AbortSignal.timeout(LIST_TIMEOUT_MS) }).catch((cause) => {
      throw translated(cause, `s3://${bucket}/${query.Prefix}`, bucket);
    });
    yield page;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

async function getWhole(client: S3Client, bucket: string, key: string): Promise<Buffer> {
  const address = `s3://${bucket}/${key}`;
  for (let attempt = 1; ; attempt += 1) {
    const signal = AbortSignal.timeout(GET_TIMEOUT_MS);
    const command = new GetObjectCommand({ Bucket: bucket, Key: key });
    const { Body } = await client.send(command, { abortSignal: signal }).catch((cause) => {
      throw translated(cause, address, bucket);
    });
    try {
      return await buffer(addAbortSignal(signal, Body as Readable));
    } catch (cause) {
      if (attempt === BODY_ATTEMPTS) throw translated(cause, address, bucket);
    }
  }
}

/** S3's own names for it; a HEAD request is answered without a body, so with its status alone. */
const S3_DENIED = /InvalidAccessKeyId|InvalidToken|^Forbidden$|^403$/;

function translated(cause: unknown, address: string, bucket: string): DepthlakeError {
  const name = cause instanceof Error ? cause.name : '';
  const words = reasonOf(cause);
  if (name === 'NoSuchBucket') return new DepthlakeError('DL_LAKE_MISSING', `there is no bucket ${bucket}`, { cause });
  if (name === 'NoSuchKey') return new DepthlakeError('DL_FILE_UNREADABLE', 'the object is not there', { cause });
  if (name === 'InvalidObjectState') {
    return new DepthlakeError('DL_FILE_UNREADABLE', `the object is archived: ${words}`, { cause });
  }
  if (isDenied(cause) || isWithoutCredentials(cause) || S3_DENIED.test(name)) {
    return new DepthlakeError('DL_REPLAY_DENIED', `S3 refuses ${address}: ${words}`, { cause });
  }
  if (isWithoutRegion(cause)) {
    const say = 'no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with one';
    return new DepthlakeError('DL_SETTINGS', say, { cause });
  }
  return new DepthlakeError('DL_REPLAY_UNREACHABLE', `S3 gives no answer for ${address}: ${words}`, { cause });
}

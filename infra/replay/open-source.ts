/** From the address of a source to the source. */
import { stat } from 'node:fs/promises';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { Source } from '../../producer/replay/source.ts';
import { openBucket } from '../local/s3.ts';
import type { SourceAddress } from './address.ts';
import { fileSource } from './file-source.ts';
import { type KinesisSourceOptions, kinesisSource } from './kinesis-source.ts';
import { isLake, lakeSource } from './lake-source.ts';
import { openS3Store } from './s3-store.ts';
import type { ReplayServices } from './services.ts';

export interface OpenSource {
  readonly source: Source;
  /** Lets go of its client. */
  close(): void;
}

/** @throws DL_FILE_UNREADABLE */
export async function openSource(
  address: SourceAddress,
  services: ReplayServices,
  stream: Omit<KinesisSourceOptions, 'client' | 'subscriber' | 'stream'>,
): Promise<OpenSource> {
  switch (address.kind) {
    case 'kinesis': {
      const client = services.kinesis();
      const subscriber = (stream.fanOut ? services.subscriber() : null) ?? client;
      const source = kinesisSource({ ...stream, client, subscriber, stream: address.stream });
      const close = () => {
        client.destroy();
        subscriber.destroy();
      };
      return { source, close };
    }
    case 's3': {
      const client = services.s3();
      const name = `s3://${address.bucket}/${address.prefix}`;
      const source = lakeSource(openS3Store(client, address.bucket, address.prefix), name);
      return { source, close: () => client.destroy() };
    }
    case 'paths':
      return { source: await pathSource(address.paths), close: () => {} };
  }
}

/** A folder is a lake, or a part of one, or wherever somebody keeps container files. */
async function pathSource(paths: readonly string[]): Promise<Source> {
  const [path] = paths;
  if (paths.length > 1 || !(await isFolder(path!))) return fileSource(paths);
  const store = openBucket(path!);
  return (await isLake(store)) ? lakeSource(store, path!) : fileSource(paths);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${path}: ${reasonOf(cause)}`, { cause });
  }
}

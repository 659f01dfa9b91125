/** The objects of a deployed lake. Every call is bounded in time, every listing in length. */
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { TABLES, type TableName } from '../../../producer/record.ts';
import { parseKey } from '../../../transformer/lake.ts';
import { within } from '../within.ts';

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** When it was delivered, UTC epoch ms. */
  readonly modifiedMs: number;
}

export interface Listing {
  readonly objects: readonly StoredObject[];
  /** false: there are more. */
  readonly complete: boolean;
}

/** What an hour's raw prefix holds. */
export interface HourObjects extends Listing {
  readonly table: TableName;
  /** The hour's first millisecond, UTC epoch ms. */
  readonly hourMs: number;
}

/** Folders from a table's own down to an hour: year, month, day, hour. */
const HOUR_DEPTH = 4;
/** A page of a listing has 1,000 keys. */
const HOUR_PAGES_MAX = 10;

export class LakeObjects {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #timeoutMs: number;

  /** @param timeoutMs for each call */
  constructor(client: S3Client, bucket: string, timeoutMs: number) {
    this.#client = client;
    this.#bucket = bucket;
    this.#timeoutMs = timeoutMs;
  }

  /** The hours of a table that hold objects, the newest first: four listings for the first, about one for each more. */
  async *hours(table: TableName): AsyncGenerator<HourObjects> {
    for await (const prefix of this.#foldersBelow(`${TABLES[table].folder}/`, HOUR_DEPTH)) {
      const place = parseKey(`${prefix}x`);
      if (place === null) continue;
      yield { table, hourMs: place.hourMs, ...(await this.list(prefix, HOUR_PAGES_MAX)) };
    }
  }

  /** What lies directly in a table's folder and is no year: Athena would read it, and no partition holds it. */
  async strays(table: TableName): Promise<string[]> {
    const { keys, folders } = await this.#level(`${TABLES[table].folder}/`);
    return [...keys, ...folders.filter((folder) => !/\/year=\d{4}\/$/.test(folder))];
  }

  async list(prefix: string, pagesMax: number): Promise<Listing> {
    const objects: StoredObject[] = [];
    let token: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token });
      const { Contents = [], NextContinuationToken } = await within(this.#timeoutMs, this.#client.send(command));
      for (const { Key, Size, LastModified } of Contents) {
        if (!Key!.endsWith('/')) objects.push({ key: Key!, bytes: Size!, modifiedMs: LastModified!.getTime() });
      }
      token = NextContinuationToken;
      if (token === undefined) return { objects, complete: true };
    }
    return { objects, complete: false };
  }

  async get(key: string): Promise<Buffer> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key });
    const read = this.#client.send(command).then(({ Body }) => Body!.transformToByteArray());
    return Buffer.from(await within(this.#timeoutMs, read));
  }

  /** Zero-padded names in descending order are the newest first. */
  async *#foldersBelow(prefix: string, depth: number): AsyncGenerator<string> {
    if (depth === 0) {
      yield prefix;
      return;
    }
    const { folders } = await this.#level(prefix);
    for (const folder of folders.sort().reverse()) yield* this.#foldersBelow(folder, depth - 1);
  }

  async #level(prefix: string): Promise<{ keys: string[]; folders: string[] }> {
    const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, Delimiter: '/' });
    const { Contents = [], CommonPrefixes = [] } = await within(this.#timeoutMs, this.#client.send(command));
    return {
      keys: Contents.map(({ Key }) => Key!).filter((key) => key !== prefix),
      folders: CommonPrefixes.map(({ Prefix }) => Prefix!),
    };
  }
}

/** The newest by delivery. */
export function newestOf(objects: readonly StoredObject[], count: number): StoredObject[] {
  return [...objects].sort((a, b) => b.modifiedMs - a.modifiedMs).slice(0, count);
}

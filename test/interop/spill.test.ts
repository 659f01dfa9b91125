import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Client, putObject } from '../../producer/stream/s3.ts';
import { readSpill } from '../../producer/stream/spill-entry.ts';
import { uploadSpill } from '../../producer/stream/upload.ts';
import { openIn, spillFolder } from '../producer/stream/spilling.ts';
import { nameOf, pack } from '../producer/stream/writing.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const BUCKET = 'depthlake-lake';

describe.skipIf(absent !== null)(`the S3 of moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: S3Client;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = createS3Client({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  });
  afterAll(async () => {
    client.destroy();
    await moto.stop();
  });

  async function spilled(folder: string) {
    const { spill } = await openIn(folder, 'session-1');
    await spill.append([pack(0, 0), pack(1, 0)], () => false);
    await spill.next();
    await spill.append([pack(0, 1)], () => false);
    await spill.close();
    return spill;
  }

  it('takes what a session leaves, segment by segment, readable as it was', async () => {
    const spill = await spilled(spillFolder());

    const result = await uploadSpill(spill, 'spill/', putObject(client, BUCKET), () => {});

    expect(result).toEqual({ segments: 2, rows: 6, left: 0 });
    expect([spill.segments, spill.bytes]).toEqual([[], 0]);
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const keys = Contents.map(({ Key }) => Key!);
    expect(keys).toEqual(['spill/session-1/1.seg', 'spill/session-1/2.seg']);
    const names = await Promise.all(
      keys.map(async (Key) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        const items = [...readSpill(Buffer.from(await Body!.transformToByteArray()))];
        return items.map((item) => (item.kind === 'entry' ? nameOf(item.pack) : item.kind));
      }),
    );
    expect(names).toEqual([['0/0', '1/0'], ['0/1']]);
  });

  it('that refuses leaves the segments on the disk, for the next session', async () => {
    const folder = spillFolder();
    const spill = await spilled(folder);
    const logged: string[] = [];

    const result = await uploadSpill(spill, '', putObject(client, 'absent'), (_, event) => logged.push(event));
    await spill.release();

    expect(result).toEqual({ segments: 0, rows: 0, left: 2 });
    expect(logged).toEqual(['spill_not_uploaded']);
    const { recovered } = await openIn(folder, 'next');
    expect(recovered.packs).toBe(3);
  });
});

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBucket, writeError } from '../../infra/local/s3.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'depthlake-s3-'));
});

afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

async function keys(prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of openBucket(folder).list(prefix)) found.push(key);
  return found;
}

describe('a bucket in a folder', () => {
  it('gives back what was put, under its key as a path', async () => {
    const bucket = openBucket(folder);
    await bucket.put('orderbook/year=2024/a.avro', Buffer.from([0, 255, 10]));
    expect(await bucket.get('orderbook/year=2024/a.avro')).toEqual(Buffer.from([0, 255, 10]));
    expect(await readFile(path.join(folder, 'orderbook/year=2024/a.avro'))).toEqual(Buffer.from([0, 255, 10]));
  });

  it('lists what begins with a prefix, with its size, in the order of S3', async () => {
    const bucket = openBucket(folder);
    for (const key of ['a/z', 'a-b', 'a/b/c', 'a.x', 'b/1', 'a/b-', 'ab']) await bucket.put(key, Buffer.from(key));
    expect(await keys()).toEqual(['a-b', 'a.x', 'a/b-', 'a/b/c', 'a/z', 'ab', 'b/1']);
    expect(await keys('a/')).toEqual(['a/b-', 'a/b/c', 'a/z']);
    expect(await keys('a/b')).toEqual(['a/b-', 'a/b/c']);
    expect(await keys('none/')).toEqual([]);
    for await (const { key, bytes } of bucket.list('')) expect(bytes).toBe(key.length);
  });

  it('lists any set of keys in the order of their bytes', async () => {
    const name = fc.stringMatching(/^[a-c=_-]{1,3}$/);
    const key = fc.array(name, { minLength: 3, maxLength: 3 }).map((names) => names.join('/'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 8 }), async (given) => {
        await rm(folder, { recursive: true });
        await mkdir(folder);
        for (const each of given) await openBucket(folder).put(each, Buffer.from('x'));
        expect(await keys()).toEqual([...given].sort());
      }),
      { numRuns: 30 },
    );
  });

  it('lists nothing where there is no folder yet', async () => {
    const found: unknown[] = [];
    for await (const object of openBucket(path.join(folder, 'later')).list('')) found.push(object);
    expect(found).toEqual([]);
  });

  it('replaces an object whole: a reader sees the old or the new one, and the listing nothing else', async () => {
    const bucket = openBucket(folder);
    const bodies = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(500_000)));
    await bucket.put('dir/key', bodies[0]!);
    let writing = true;
    const writes = (async () => {
      for (let turn = 0; turn < 20; turn += 1) await bucket.put('dir/key', bodies[turn % 2]!);
      writing = false;
    })();
    let reads = 0;
    while (writing) {
      const seen = await bucket.get('dir/key');
      expect(bodies.some((body) => body.equals(seen))).toBe(true);
      expect(await keys()).toEqual(['dir/key']);
      reads += 1;
    }
    await writes;
    expect(reads).toBeGreaterThan(0);
    expect(await readdir(path.join(folder, 'dir'))).toEqual(['key']);
  });

  it('does not take a half-written or foreign hidden file for an object', async () => {
    await writeFile(path.join(folder, '.key-half'), 'half');
    expect(await keys()).toEqual([]);
  });

  it.each(['../escape', '/etc/passwd', 'a/../../b', 'a//b', 'a/', '', '.hidden', 'a/.b', 'a\\b', 'a\0b'])(
    'refuses the key %j',
    async (key) => {
      const bucket = openBucket(folder);
      await expect(bucket.put(key, Buffer.from('x'))).rejects.toMatchObject({ code: 'DL_INTERNAL' });
      await expect(bucket.get(key)).rejects.toMatchObject({ code: 'DL_INTERNAL' });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('names the file that cannot be read', async () => {
    await expect(openBucket(folder).get('absent')).rejects.toMatchObject({
      code: 'DL_FILE_UNREADABLE',
      message: expect.stringContaining(path.join(folder, 'absent')),
    });
  });
});

describe('a folder that cannot be written to', () => {
  const put = (key: string) => openBucket(folder).put(key, Buffer.from('x'));
  const refused = (key: string) => ({
    code: 'DL_DATA_FOLDER',
    message: expect.stringContaining(path.join(folder, key)),
  });

  it('is named where a file stands in its place', async () => {
    await put('taken');
    await expect(put('taken/key')).rejects.toMatchObject(refused('taken/key'));
  });

  it('leaves no hidden file behind where an object cannot take its place', async () => {
    await mkdir(path.join(folder, 'key'));
    await expect(put('key')).rejects.toMatchObject(refused('key'));
    expect(await readdir(folder)).toEqual(['key']);
  });

  it('is named where permissions forbid it', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write everywhere');
    await chmod(folder, 0o500);
    await expect(put('key')).rejects.toMatchObject(refused('key'));
  });

  it('is none for objects that many writers put into new folders at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(`table/${round}/x/y/z/${name}`)));
    }
    expect(await readdir(path.join(folder, 'table/19/x/y/z'))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is named where a parent that is there refuses it', async (context) => {
    const isProc = await stat('/proc/self').then(
      () => true,
      () => false,
    );
    if (!isProc) return context.skip('this machine has no /proc');
    await expect(openBucket('/proc/none').put('a/key', Buffer.from('x'))).rejects.toMatchObject({
      code: 'DL_DATA_FOLDER',
    });
  });

  it('is a full disk where the device says so', async (context) => {
    const full = await writeFile('/dev/full', 'x').then(
      () => null,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (full !== 'ENOSPC') return context.skip('this machine has no /dev/full');
    const error = await writeFile('/dev/full', 'x').catch((cause: unknown) => writeError('/lake/key', cause));
    expect(error).toMatchObject({
      code: 'DL_DISK_FULL',
      message: expect.stringContaining('/lake/key cannot be written'),
    });
  });
});

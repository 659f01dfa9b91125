import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeLine, encodePack } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseEvent } from '../../transformer/firehose-event.ts';
import { createHandler, handler, settingsOf } from '../../transformer/handler.ts';
import { orderBookAt } from './arbitrary-rows.ts';

const row = orderBookAt(Date.UTC(2024, 1, 29, 23), 1);
const data = encodePack([encodeLine({ table: 'order_book', row })]).toString('base64');
const kinesisRecordMetadata = { shardId: 'shardId-000000000000', partitionKey: '1', sequenceNumber: '1' };
const event: FirehoseEvent = {
  invocationId: 'abc',
  records: [
    { recordId: '1', data, approximateArrivalTimestamp: 1, kinesisRecordMetadata },
    { recordId: '2', data: 'AAAA', approximateArrivalTimestamp: 1 },
  ],
};

describe('the handler', () => {
  it('answers packs that came by Kinesis and packs put directly alike', async () => {
    const { records } = await createHandler('snappy', null, () => {})({
      ...event,
      records: [event.records[0]!, { recordId: 'direct', data }],
    });
    expect(records.map(({ result }) => result)).toEqual(['Ok', 'Dropped']);
    expect(readContainerFile(Buffer.from(records[0]!.data!, 'base64'))).toMatchObject({
      codec: 'snappy',
      rows: [row, row],
    });
  });

  it('logs each refused record as one line of JSON', async () => {
    const lines: string[] = [];
    await createHandler('deflate', null, (line) => lines.push(line))(event);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        event: 'record_refused',
        invocationId: 'abc',
        recordId: '2',
        code: 'DL_ROW_INVALID',
        reason: 'a line is not JSON',
      },
    ]);
  });

  it('takes one parameter: Node 24 on Lambda refuses three', () => {
    expect(handler).toHaveLength(1);
  });

  it.each([{}, null, { records: [] }, { invocationId: 'a' }, { invocationId: 'a', records: [{ data: '' }] }])(
    'refuses an event that is none of Firehose: %j',
    async (foreign) => {
      await expect(handler(foreign as never)).rejects.toMatchObject({ code: 'DL_EVENT_INVALID' });
    },
  );
});

describe('the settings', () => {
  it('default to deflate without registration', () => {
    expect(settingsOf({})).toEqual({ codec: 'deflate', database: '', bucket: '', stack: '' });
  });

  it('refuse an unknown codec, and a database without a bucket', () => {
    expect(() => settingsOf({ DEPTHLAKE_CODEC: 'zstd' })).toThrow(
      expect.objectContaining({ code: 'DL_CODEC_UNKNOWN' }),
    );
    expect(() => settingsOf({ DEPTHLAKE_GLUE_DATABASE: 'd' })).toThrow(
      expect.objectContaining({ code: 'DL_SETTINGS' }),
    );
  });
});

describe('the bundle', { timeout: 30_000 }, () => {
  let folder: string;
  let bundle: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'depthlake-'));
    bundle = join(folder, 'index.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('../../transformer/handler.ts', import.meta.url))],
      outfile: bundle,
      bundle: true,
      minify: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Runs the bundle in a worker thread and returns what it says. */
  function run(env: Record<string, string>): Promise<{ response: Awaited<ReturnType<typeof handler>>; log: string }> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(
        `const { parentPort, workerData } = require('node:worker_threads');
         import(workerData.bundle).then(async ({ handler }) => parentPort.postMessage(await handler(workerData.event)));`,
        { eval: true, env, stdout: true, workerData: { bundle: `file://${bundle}`, event } },
      );
      let log = '';
      let response: Awaited<ReturnType<typeof handler>>;
      worker.stdout.on('data', (chunk) => {
        log += String(chunk);
      });
      worker.on('message', (message) => {
        response = message;
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve({ response, log }));
    });
  }

  it('runs in a worker thread without any file beside it', async () => {
    const { response, log } = await run({ DEPTHLAKE_CODEC: 'snappy' });
    expect(response.records.map(({ result }) => result)).toEqual(['Ok', 'ProcessingFailed']);
    expect(readContainerFile(Buffer.from(response.records[0]!.data!, 'base64'))).toMatchObject({ rows: [row] });
    expect(JSON.parse(log)).toMatchObject({ event: 'record_refused', recordId: '2' });
  });

  it('writes its figures where the deployment has a name', async () => {
    const { log } = await run({ DEPTHLAKE_STACK: 'prod' });
    const [, figures] = log.trim().split('\n');
    expect(JSON.parse(figures!)).toMatchObject({ stack: 'prod', TransformedRows: 1, RefusedRecords: 1 });
  });

  it('fails at load with an unknown codec', async () => {
    await expect(run({ DEPTHLAKE_CODEC: 'lzo' })).rejects.toMatchObject({ message: expect.stringContaining('"lzo"') });
  });
});

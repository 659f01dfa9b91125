/** Records that are no pack, beside good ones: they reach the error prefix with the reason, the others are delivered. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import { kinesisClient } from '../../infra/local/kinesis.ts';
import { encodeLine, encodePack, type OrderBookRow } from '../../producer/record.ts';
import { snapshot } from '../cli/rows.ts';
import { temporaryFolder } from '../end-to-end/harness.ts';
import { checkFolder, readLake } from '../end-to-end/lake.ts';
import { startPipelineProcess } from '../end-to-end/pipeline-process.ts';

const HOUR_MS = 3_600_000;

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

test('undecodable records reach the error prefix with the reason, the rest of their batch is delivered', {
  timeout: 120_000,
}, async (context) => {
  const folder = temporaryFolder(context);
  const run = await startPipelineProcess(context, folder, ['--buffer-seconds', '1']);
  const now = Date.now();
  const session_id = randomUUID();
  const line = (row: Partial<OrderBookRow>) =>
    encodeLine({ table: 'order_book', row: snapshot({ session_id, timestamp_ms: now, ...row }) });
  const pack = (...rows: Partial<OrderBookRow>[]) => encodePack(rows.map(line));
  const bad = {
    garbage: Buffer.from('\xff\xfe this is no pack', 'latin1'),
    brokenGzip: Buffer.from([0x1f, 0x8b, 1, 2, 3]),
    mixedHours: pack({ seq: 3 }, { seq: 4, timestamp_ms: now - HOUR_MS }),
    unknownField: Buffer.from(`${line({ seq: 5 }).slice(0, -1)},"mood":"good"}`),
  };
  const entries = [pack({ seq: 1 }), ...Object.values(bad), pack({ seq: 2 })];

  const client = kinesisClient(run.endpoints.kinesis);
  await client.send(
    new PutRecordsCommand({
      StreamName: run.endpoints.stream,
      Records: entries.map((Data) => ({ Data, PartitionKey: 'lane-0' })),
    }),
  );
  client.destroy();
  run.interrupt('SIGINT');
  const { status, summary, stderr } = await run.ended;

  expect(status, stderr).toBe(0);
  const failed = filesUnder(path.join(folder, 'errors', 'processing-failed'))
    .flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const reasonFor = (data: Buffer) =>
    failed.find(({ rawData }) => rawData === data.toString('base64'))?.['errorMessage'];
  expect(failed).toHaveLength(Object.keys(bad).length);
  expect(reasonFor(bad.garbage)).toContain('does not decode');
  expect(reasonFor(bad.brokenGzip)).toContain('does not decode');
  expect(reasonFor(bad.mixedHours)).toContain('hour');
  expect(reasonFor(bad.unknownField)).toContain('mood');
  expect(summary!.error_records).toBe(failed.length);
  const { rows } = await readLake(folder);
  expect(rows.filter((row) => row.session_id === session_id).map(({ seq }) => seq)).toEqual([1, 2]);
  expect(rows.length).toBe(summary!.snapshots + 2);
  expect(await checkFolder(folder)).toMatchObject({ status: 0, errors: { records: failed.length } });
});

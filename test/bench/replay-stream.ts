/** A stream read whole, a pass for each line on stdin: by a replay, or by a plain loop; argv: endpoint, stream, which. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { kinesisClient } from '../../infra/local/kinesis.ts';
import { kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { nullSink } from '../../infra/replay/sinks/null.ts';
import type { Pass } from './pinned-process.ts';
import { measuredPass, replayPass } from './replay-pass.ts';

export type StreamReader = 'depthlake' | 'loop';

export const STREAM_SCRIPT = fileURLToPath(import.meta.url);

/** Shard after shard to its tip; nothing is checked, ordered or kept. @returns rows */
async function readPlainly(client: KinesisClient, stream: string): Promise<number> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }));
  let rows = 0;
  for (const { ShardId } of Shards) {
    const start = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await client.send(new GetShardIteratorCommand(start));
    for (let behind = true; behind; ) {
      const answer = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
      for (const { Data } of answer.Records ?? []) rows += rowsOf(Data!);
      behind = answer.MillisBehindLatest !== 0;
      ShardIterator = answer.NextShardIterator;
    }
  }
  return rows;
}

function rowsOf(data: Uint8Array): number {
  const plain = data[0] === 0x1f && data[1] === 0x8b ? gunzipSync(data) : Buffer.from(data);
  const lines = plain.toString('utf8').split('\n');
  for (const line of lines) JSON.parse(line);
  return lines.length;
}

function replayed(client: KinesisClient, stream: string): Promise<Pass> {
  const start = { kind: 'trim-horizon' } as const;
  const options = { client, stream, start, lateMs: 600_000, follow: false, fanOut: false };
  return replayPass(kinesisSource(options), nullSink);
}

if (process.argv[1] === STREAM_SCRIPT) {
  const [, , endpoint, stream, reader] = process.argv;
  const client = kinesisClient(endpoint!);
  const pass = {
    depthlake: () => replayed(client, stream!),
    loop: () => measuredPass(() => readPlainly(client, stream!)),
  }[reader as StreamReader];
  for await (const _ of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await pass())}\n`);
  }
}

/** What a Kinesis stream holds, shard by shard, in the order in which it was written. */
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { kinesisClient } from '../../infra/local/kinesis.ts';
import { decodePack, type TableRow } from '../../producer/record.ts';

/** The rows of each shard. */
export async function readStream(endpoint: string, stream: string): Promise<TableRow[][]> {
  const client = kinesisClient(endpoint);
  try {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }));
    return await Promise.all(Shards.map(({ ShardId }) => readShard(client, stream, ShardId!)));
  } finally {
    client.destroy();
  }
}

async function readShard(client: KinesisClient, stream: string, shard: string): Promise<TableRow[]> {
  const from = { StreamName: stream, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' as const };
  let { ShardIterator: iterator } = await client.send(new GetShardIteratorCommand(from));
  const rows: TableRow[] = [];
  for (;;) {
    const { Records = [], NextShardIterator } = await client.send(new GetRecordsCommand({ ShardIterator: iterator! }));
    if (Records.length === 0) return rows;
    rows.push(...Records.flatMap(({ Data }) => decodePack(Data!)));
    iterator = NextShardIterator;
  }
}

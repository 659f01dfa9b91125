import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePack, type TableRow } from '../../producer/record.ts';
import { checkStream, createKinesisClient, putPacks } from '../../producer/stream/kinesis.ts';
import { laneOf, PackBuilder } from '../../producer/stream/packs.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const STREAM = 'depthlake';
const LANES = 8;
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT', 'DOGEUSDT'];
const NOON = Date.UTC(2024, 1, 29, 12);

const ROWS: readonly TableRow[] = [
  { table: 'feed_event', row: feedEventAt(NOON, 1, { kind: 'started', detail: '{"note":"東京 🌊"}' }) },
  ...Array.from({ length: 600 }, (_, index): TableRow => {
    const symbol = SYMBOLS[index % SYMBOLS.length]!;
    return { table: 'order_book', row: orderBookAt(NOON + index, Math.floor(index / SYMBOLS.length) + 1, { symbol }) };
  }),
];

/** Every record of a stream, shard after shard. */
async function readStream(client: KinesisClient): Promise<KinesisRecord[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: STREAM }));
  const records: KinesisRecord[] = [];
  for (const { ShardId } of Shards) {
    const start = { StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    const { ShardIterator } = await client.send(new GetShardIteratorCommand(start));
    const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
    records.push(...Records);
  }
  return records;
}

describe.skipIf(absent !== null)(`the Kinesis of moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: KinesisClient;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = createKinesisClient({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 2 }));
    await waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName: STREAM });
  });
  afterAll(async () => {
    client.destroy();
    await moto.stop();
  });

  it('has the stream that checkStream asks for', async () => {
    await expect(checkStream(client, STREAM)).resolves.toBeUndefined();
  });

  it('lacks another one, and checkStream says so', async () => {
    await expect(checkStream(client, 'absent')).rejects.toMatchObject({
      code: 'DL_STREAM_MISSING',
      message: expect.stringContaining('absent'),
    });
  });

  it('accepts every pack, and gives back their rows, each symbol in order on its lane', async () => {
    const builder = new PackBuilder(LANES);
    const packs = ROWS.flatMap((row) => builder.add(row, NOON)).concat(builder.closeOpenedBy(Number.POSITIVE_INFINITY));
    expect(packs.length).toBeGreaterThan(2);
    expect(await putPacks(client, STREAM)(packs)).toEqual(packs.map(() => null));

    const records = await readStream(client);
    const read = records.flatMap(({ Data, PartitionKey }) =>
      decodePack(Data!).map((tableRow) => ({ ...tableRow, lane: PartitionKey })),
    );
    expect(records).toHaveLength(packs.length);
    expect(read).toHaveLength(ROWS.length);
    for (const symbol of [...SYMBOLS, null]) {
      const written = ROWS.filter(({ row }) => row.symbol === symbol);
      const lane = laneOf('local', symbol ?? 'session', LANES);
      expect(read.filter(({ row }) => row.symbol === symbol)).toEqual(written.map((row) => ({ ...row, lane })));
    }
  });

  it('refuses packs for a stream that is not there', async () => {
    const builder = new PackBuilder(1);
    builder.add(ROWS[0]!, NOON);
    const put = putPacks(client, 'absent')(builder.closeOpenedBy(NOON));
    await expect(put).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

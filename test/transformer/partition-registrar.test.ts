import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { GlueClient } from '@aws-sdk/client-glue';
import { afterEach, describe, expect, it } from 'vitest';
import { HOUR_MS } from '../../transformer/partition.ts';
import { PartitionRegistrar } from '../../transformer/partition-registrar.ts';

const HOUR = Date.UTC(2024, 1, 29, 23);

interface Call {
  target: string;
  DatabaseName: string;
  TableName: string;
  PartitionInputList: { Values: string[]; StorageDescriptor: { Location: string } }[];
}

type Answer = (call: Call, response: ServerResponse) => void;

const succeed: Answer = (_, response) => response.end('{}');
const hang: Answer = () => {};
const crash: Answer = (_, response) => {
  response.statusCode = 500;
  response.end('{"__type":"InternalServiceException","Message":"out of order"}');
};
const refuse =
  (code: string, which = 0): Answer =>
  (call, response) =>
    response.end(
      JSON.stringify({
        Errors: [
          {
            PartitionValues: call.PartitionInputList[which]!.Values,
            ErrorDetail: { ErrorCode: code, ErrorMessage: 'says Glue' },
          },
        ],
      }),
    );

const open: { server: Server; client: GlueClient }[] = [];

afterEach(() => {
  for (const { server, client } of open.splice(0)) {
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
});

/** A Glue on loopback that gives its answers in turn, the last one for ever. */
async function glue(...answers: Answer[]) {
  const calls: Call[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    // A client that gives up may cut its request off at any byte.
    const body = await buffer(request).catch(() => null);
    if (body === null) return;
    const call = { target: request.headers['x-amz-target'], ...JSON.parse(body.toString()) } as Call;
    calls.push(call);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    (answers[calls.length - 1] ?? answers.at(-1)!)(call, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new GlueClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  open.push({ server, client });
  const lines: string[] = [];
  const registrar = (timeoutMs?: number) =>
    new PartitionRegistrar({
      client,
      database: 'depthlake',
      lakeUrl: 's3://lake',
      log: (line) => lines.push(line),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  return { calls, lines, registrar };
}

const hours = (count: number, from = HOUR) =>
  Array.from({ length: count }, (_, index) => ({ table: 'order_book' as const, hourMs: from + index * HOUR_MS }));

describe('the registrar', () => {
  it('creates an hour’s partition once, however often the hour comes', async () => {
    const { calls, lines, registrar } = await glue(succeed);
    const warm = registrar();
    const waiting = [await warm.register(hours(1)), await warm.register(hours(1)), await warm.register([])];
    expect(waiting).toEqual([0, 0, 0]);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({
      target: 'AWSGlue.BatchCreatePartition',
      DatabaseName: 'depthlake',
      TableName: 'order_book',
      PartitionInputList: [
        {
          Values: ['2024', '2', '29', '23'],
          StorageDescriptor: { Location: 's3://lake/orderbook/year=2024/month=02/day=29/hour=23/' },
        },
      ],
    });
    expect(lines).toEqual([]);
  });

  it('sends up to 100 a call, each table by itself', async () => {
    const { calls, registrar } = await glue(succeed);
    await registrar().register([...hours(250), { table: 'feed_event', hourMs: HOUR }]);
    const sizes = calls.map(({ TableName, PartitionInputList }) => [TableName, PartitionInputList.length]);
    expect(sizes.sort()).toEqual([
      ['feed_event', 1],
      ['order_book', 100],
      ['order_book', 100],
      ['order_book', 50],
    ]);
  });

  it('is content where the partition exists', async () => {
    const { calls, lines, registrar } = await glue(refuse('AlreadyExistsException'));
    const warm = registrar();
    await warm.register(hours(1));
    await warm.register(hours(1));
    expect(calls).toHaveLength(1);
    expect(lines).toEqual([]);
  });

  it('tries a refused hour again with the next invocation, and not those that succeeded', async () => {
    const { calls, lines, registrar } = await glue(refuse('InternalServiceException', 1), succeed);
    const warm = registrar();
    expect(await warm.register(hours(3))).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        event: 'partitions_not_registered',
        database: 'depthlake',
        count: 1,
        partitions: ['orderbook/year=2024/month=03/day=01/hour=00/'],
        reason: 'InternalServiceException: says Glue',
      },
    ]);
    await warm.register([]);
    expect(calls[1]!.PartitionInputList.map(({ Values }) => Values)).toEqual([['2024', '3', '1', '0']]);
    await warm.register(hours(3));
    expect(calls).toHaveLength(2);
  });

  it.each([
    ['without values', {}],
    ['with values of none of the hours', { PartitionValues: ['1999', '1', '1', '0'] }],
  ])('registers no hour of a call that Glue answers with an error %s', async (_, named) => {
    const error = { ...named, ErrorDetail: { ErrorCode: 'InternalServiceException', ErrorMessage: 'says Glue' } };
    const { calls, lines, registrar } = await glue(
      (_call, response) => response.end(JSON.stringify({ Errors: [error] })),
      succeed,
    );
    const warm = registrar();
    await warm.register(hours(2));
    expect(JSON.parse(lines[0]!)).toMatchObject({ count: 2, reason: 'InternalServiceException: says Glue' });
    await warm.register([]);
    expect(calls[1]!.PartitionInputList).toHaveLength(2);
    expect(lines).toHaveLength(1);
  });

  it.each([
    ['hangs', hang],
    ['fails and is retried by the SDK', crash],
  ])('ends within its time-out when Glue %s, and logs one line', async (_, answer) => {
    const { lines, registrar } = await glue(answer);
    const begin = performance.now();
    await registrar(50).register([...hours(150), { table: 'feed_event', hourMs: HOUR }]);
    expect(performance.now() - begin).toBeLessThan(4000);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      event: 'partitions_not_registered',
      count: 151,
      reason: 'Glue did not answer within 50 ms',
    });
    expect(JSON.parse(lines[0]!).partitions).toHaveLength(10);
  });

  it('ends within its time-out even when the client ignores the signal', async () => {
    const { lines, registrar } = await glue(succeed);
    const stuck = registrar(20);
    open.at(-1)!.client.send = (() => new Promise(() => {})) as never;
    await stuck.register(hours(1));
    expect(lines).toHaveLength(1);
  });

  it('registers after a hang what waited', async () => {
    const { calls, lines, registrar } = await glue(hang, succeed);
    const warm = registrar(500);
    await warm.register(hours(1));
    await warm.register([]);
    expect(calls).toHaveLength(2);
    expect(lines).toHaveLength(1);
  });

  it('remembers the last thousand hours', async () => {
    const { calls, registrar } = await glue(succeed);
    const warm = registrar();
    for (let day = 0; day < 11; day += 1) await warm.register(hours(100, HOUR + day * 100 * HOUR_MS));
    await warm.register(hours(100, HOUR + 10 * 100 * HOUR_MS));
    expect(calls).toHaveLength(11);
    await warm.register(hours(1));
    expect(calls).toHaveLength(12);
  });
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, type DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkTable, createDynamoDbClient, dynamoDbStore } from '../../producer/state/dynamodb-store.ts';
import type { StateStore, SymbolState } from '../../producer/state/store.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const VENUE = 'binance.us';
const REGION = 'us-east-1';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

function state(symbol: string, receivedMs: number, given: Partial<SymbolState> = {}): SymbolState {
  return { symbol, receivedMs, lastUpdateId: receivedMs * 10, sessionId: 's1', clean: false, ...given };
}

describe.skipIf(absent !== null)(`states in a DynamoDB table ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: DynamoDBClient;
  let table: string;
  let store: StateStore;
  let tables = 0;

  beforeAll(async () => {
    moto = await startMoto();
    client = createDynamoDbClient({ endpoint: moto.endpoint, region: REGION, credentials });
  });
  afterAll(async () => {
    client?.destroy();
    await moto?.stop();
  });
  beforeEach(async () => {
    tables += 1;
    table = `state-${tables}`;
    await createTable('feed', 'S');
    store = dynamoDbStore(client, table);
  });

  async function createTable(key: string, type: 'S' | 'N'): Promise<void> {
    const command = new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: [{ AttributeName: key, AttributeType: type }],
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    await client.send(command);
  }

  const held = async (symbol = 'BTCUSDT') => (await store.load(VENUE, [symbol])).get(symbol);

  it('are items by venue and symbol', async () => {
    await store.save(VENUE, [state('BTCUSDT', 1_790_000_000_000)]);
    const { Items } = await client.send(new ScanCommand({ TableName: table }));
    expect(Items).toEqual([
      {
        feed: { S: 'binance.us#BTCUSDT' },
        received_ms: { N: '1790000000000' },
        last_update_id: { N: '17900000000000' },
        session_id: { S: 's1' },
        clean: { BOOL: false },
      },
    ]);
  });

  it('are found again, of the venue and the symbols asked for', async () => {
    await store.save(VENUE, [state('BTCUSDT', 1), state('ETHUSDT', 2, { clean: true })]);
    await store.save('binance.com', [state('SOLUSDT', 3), state('BTCUSDT', 4)]);
    const found = await store.load(VENUE, ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BTCUSDT']);
    expect(Object.fromEntries(found)).toEqual({
      BTCUSDT: state('BTCUSDT', 1),
      ETHUSDT: state('ETHUSDT', 2, { clean: true }),
    });
    expect(await store.load(VENUE, [])).toEqual(new Map());
  });

  it('are saved and read beyond the size of one call', async () => {
    const many = Array.from({ length: 230 }, (_, index) => state(`S${index}`, index + 1));
    await store.save(VENUE, many);
    const found = await store.load(
      VENUE,
      many.map(({ symbol }) => symbol),
    );
    expect([...found.values()].sort((a, b) => a.receivedMs - b.receivedMs)).toEqual(many);
  });

  it.each([
    ['a later one', state('BTCUSDT', 11, { sessionId: 's2' }), true],
    ['an earlier one', state('BTCUSDT', 9, { sessionId: 's2' }), false],
    ['one of the same moment by another session', state('BTCUSDT', 10, { sessionId: 's2', clean: true }), false],
    ['one of the same moment that says clean', state('BTCUSDT', 10, { clean: true }), true],
    ['one with more digits', state('BTCUSDT', 100), true],
  ])('move forward only: %s', async (_what, next, moves) => {
    await store.save(VENUE, [state('BTCUSDT', 10)]);
    await store.save(VENUE, [next]);
    expect(await held()).toEqual(moves ? next : state('BTCUSDT', 10));
  });

  it('do not lose `clean` to the same session’s earlier words', async () => {
    await store.save(VENUE, [state('BTCUSDT', 10, { clean: true })]);
    await store.save(VENUE, [state('BTCUSDT', 10)]);
    expect(await held()).toMatchObject({ clean: true });
  });

  // moto checks a condition and writes in two steps, without a lock: writers at once would not be DynamoDB's truth.
  it('are the newest, in whatever order producers write', async () => {
    const times = [3, 9, 1, 7, 5, 8, 2, 6, 4];
    for (const ms of times) await store.save(VENUE, [state('BTCUSDT', ms, { sessionId: `s${ms}` })]);
    expect(await held()).toEqual(state('BTCUSDT', 9, { sessionId: 's9' }));
  });

  it('are not read from items that another program wrote', async () => {
    const Item = { feed: { S: 'binance.us#BTCUSDT' }, received_ms: { S: 'yesterday' } };
    await client.send(new PutItemCommand({ TableName: table, Item }));
    expect(await held()).toBeUndefined();
  });

  it('are said not to be saved or read where the table is not there', async () => {
    const nowhere = dynamoDbStore(client, 'nowhere');
    const refused = { code: 'DL_STATE_UNAVAILABLE', message: expect.stringContaining('"nowhere"') };
    await expect(nowhere.save(VENUE, [state('BTCUSDT', 1)])).rejects.toMatchObject(refused);
    await expect(nowhere.load(VENUE, ['BTCUSDT'])).rejects.toMatchObject(refused);
  });

  describe('the check at the start', () => {
    it('passes a table with the right key', async () => {
      await expect(checkTable(client, table)).resolves.toBeUndefined();
    });

    it('names a missing table, and the command that creates it', async () => {
      await expect(checkTable(client, 'nowhere')).rejects.toMatchObject({
        code: 'DL_STATE_MISSING',
        message: `there is no DynamoDB table "nowhere" in region ${REGION}: aws dynamodb create-table --table-name nowhere --attribute-definitions AttributeName=feed,AttributeType=S --key-schema AttributeName=feed,KeyType=HASH --billing-mode PAY_PER_REQUEST --region ${REGION}`,
      });
    });

    it('refuses a table with another key', async () => {
      table = `${table}-foreign`;
      await createTable('id', 'N');
      await expect(checkTable(client, table)).rejects.toMatchObject({
        code: 'DL_STATE_MISSING',
        message: expect.stringContaining('has the key id (N), not feed (S)'),
      });
    });
  });
});

describe('a DynamoDB that answers as told', () => {
  let server: Server;
  let client: DynamoDBClient;
  let answer: (operation: string, body: { RequestItems: Record<string, { Keys: object[] }> }) => [number, object];
  let most = 0;

  beforeAll(async () => {
    let inFlight = 0;
    server = createServer(async (request, response) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const operation = String(request.headers['x-amz-target']).split('.')[1]!;
      const [status, body] = answer(operation, JSON.parse(Buffer.concat(chunks).toString()));
      setTimeout(() => {
        inFlight -= 1;
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
      }, 5);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = createDynamoDbClient({ endpoint, region: REGION, credentials });
  });
  afterAll(() => {
    client.destroy();
    server.close();
  });

  const failure = (name: string): [number, object] => [400, { __type: `com.amazonaws#${name}`, message: name }];

  it('is asked again for keys that it left out', async () => {
    answer = (_operation, { RequestItems }) => {
      const [first, ...others] = RequestItems['t']!.Keys as { feed: { S: string } }[];
      const Responses = {
        t: [{ ...first, received_ms: { N: '1' }, last_update_id: { N: '2' }, session_id: { S: 's' } }],
      };
      return [200, { Responses, UnprocessedKeys: others.length > 0 ? { t: { Keys: others } } : {} }];
    };
    const found = await dynamoDbStore(client, 't').load(VENUE, ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']);
    expect([...found.keys()]).toEqual(['BTCUSDT', 'ETHUSDT', 'SOLUSDT']);
  });

  it('has at most 16 requests in flight, and each symbol’s turn comes where one fails', async () => {
    const asked: string[] = [];
    answer = (operation) => {
      asked.push(operation);
      return asked.length === 3 ? failure('AccessDeniedException') : [200, {}];
    };
    most = 0;
    const many = Array.from({ length: 60 }, (_, index) => state(`S${index}`, index));
    await expect(dynamoDbStore(client, 't').save(VENUE, many)).rejects.toMatchObject({
      code: 'DL_STATE_UNAVAILABLE',
      message: 'the state in DynamoDB table "t" cannot be written for 1 of 60 symbols: AccessDeniedException',
    });
    expect(asked).toHaveLength(60);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(16);
  });

  it('takes a state that is not newer for no failure', async () => {
    answer = () => failure('ConditionalCheckFailedException');
    await expect(dynamoDbStore(client, 't').save(VENUE, [state('BTCUSDT', 1)])).resolves.toBeUndefined();
  });

  it.each([
    ['AccessDeniedException', 'DL_STATE_DENIED'],
    ['UnrecognizedClientException', 'DL_STATE_DENIED'],
    ['InternalFailure', 'DL_STATE_UNAVAILABLE'],
  ])('is refused at the start with %s as %s', async (name, code) => {
    answer = () => failure(name);
    await expect(checkTable(client, 't')).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
  });

  it('is said to be out of reach where nothing listens', async () => {
    const nobody = createDynamoDbClient({ endpoint: 'http://127.0.0.1:9', region: REGION, credentials });
    await expect(checkTable(nobody, 't')).rejects.toMatchObject({ code: 'DL_STATE_UNAVAILABLE' });
    nobody.destroy();
  });
});

import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FeedState } from '../../infra/aws/feed-state.ts';
import { checkTable, createDynamoDbClient, dynamoDbStore } from '../../producer/state/dynamodb-store.ts';
import { declare, only } from '../aws/mocks.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const VENUE = 'binance.us';
const STATE = { symbol: 'BTCUSDT', receivedMs: 1_790_000_000_000, lastUpdateId: 42, sessionId: 's1', clean: true };

describe.skipIf(absent !== null)(`the table that a deployment declares ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: DynamoDBClient;
  let table: string;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = createDynamoDbClient({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    const { inputs, outputs } = only(await declare(() => new FeedState('state')), 'aws:dynamodb/table:Table');
    table = outputs['name'];
    const attributes: { name: string; type: 'S' | 'N' }[] = inputs['attributes'];
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
        KeySchema: [{ AttributeName: inputs['hashKey'], KeyType: 'HASH' }],
        BillingMode: inputs['billingMode'],
      }),
    );
  });
  afterAll(async () => {
    client?.destroy();
    await moto?.stop();
  });

  it('passes the check that the producer makes at its start', async () => {
    await expect(checkTable(client, table)).resolves.toBeUndefined();
  });

  it('gives back the state that the producer saved in it', async () => {
    const store = dynamoDbStore(client, table);
    await store.save(VENUE, [STATE]);

    expect((await store.load(VENUE, ['BTCUSDT'])).get('BTCUSDT')).toEqual(STATE);
  });
});

/**
 * States in a DynamoDB table: an item for each symbol, its key `feed` = `<venue>#<symbol>`. The condition of each
 * update makes an item move forward only, whichever producer writes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { StateStore, SymbolState } from './store.ts';

/** The longest that one load, one save or the check waits for DynamoDB. */
const TIMEOUT_MS = 8_000;
/** DynamoDB's limit of a BatchGetItem call. */
const BATCH_MAX = 100;
const MAX_IN_FLIGHT = 16;
/** Before keys that a throttled call left out are asked for again. */
const UNPROCESSED_PAUSE_MS = 200;

type Item = Record<string, AttributeValue>;

/** A client over HTTP/1.1. Region, credentials and endpoint come from the standard AWS variables and files. */
export function createDynamoDbClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({ requestHandler: new NodeHttpHandler(), ...config });
}

export function dynamoDbStore(client: DynamoDBClient, table: string): StateStore {
  return {
    load: async (venue, symbols) => {
      const states = new Map<string, SymbolState>();
      const signal = deadline();
      const feeds = [...new Set(symbols)].map((symbol) => feedOf(venue, symbol));
      try {
        for (let at = 0; at < feeds.length; at += BATCH_MAX) {
          for (const item of await batchGet(client, table, feeds.slice(at, at + BATCH_MAX), signal)) {
            const state = stateOf(venue, item);
            if (state !== null) states.set(state.symbol, state);
          }
        }
      } catch (cause) {
        throw unavailable('read', table, cause);
      }
      return states;
    },
    save: async (venue, states) => {
      const signal = deadline();
      const failures: unknown[] = [];
      const queue = states.values();
      const work = async () => {
        for (const state of queue) {
          await update(client, updateOf(table, venue, state), signal).catch((error) => failures.push(error));
        }
      };
      await Promise.all(Array.from({ length: Math.min(MAX_IN_FLIGHT, states.length) }, work));
      if (failures.length > 0) {
        const what = `written for ${failures.length} of ${states.length} symbols`;
        throw unavailable(what, table, failures[0]);
      }
    },
  };
}

/**
 * Checks once, at the start, that the table is there and has the key that the store needs.
 * @throws DL_STATE_MISSING, DL_STATE_DENIED, DL_STATE_UNAVAILABLE, DL_SETTINGS where no region is set
 */
export async function checkTable(client: DynamoDBClient, table: string): Promise<void> {
  const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await client
    .send(new DescribeTableCommand({ TableName: table }), { abortSignal })
    .catch(async (cause) => {
      throw await translate(cause, client, table);
    });
  const { KeySchema = [], AttributeDefinitions = [] } = answer.Table ?? {};
  const types = new Map(AttributeDefinitions.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]));
  const keys = KeySchema.map(({ AttributeName }) => `${AttributeName} (${types.get(AttributeName)})`).join(', ');
  if (keys !== 'feed (S)') {
    const message = `the table "${table}" has the key ${keys}, not feed (S): ${await createCommand(client, table)}`;
    throw new DepthlakeError('DL_STATE_MISSING', message);
  }
}

/** A signal of its own for each call: they leave listeners behind, of which one signal would gather hundreds. */
type Signal = () => AbortSignal;

/** All signals end at the same time, TIMEOUT_MS from now. */
function deadline(): Signal {
  const untilMs = performance.now() + TIMEOUT_MS;
  return () => AbortSignal.timeout(Math.max(0, Math.ceil(untilMs - performance.now())));
}

async function batchGet(client: DynamoDBClient, table: string, feeds: readonly string[], signal: Signal) {
  const items: Item[] = [];
  let wanted: BatchGetItemCommandOutput['UnprocessedKeys'] = {
    [table]: { Keys: feeds.map((feed) => ({ feed: { S: feed } })), ConsistentRead: true },
  };
  while (wanted !== undefined && Object.keys(wanted).length > 0) {
    const command: BatchGetItemCommand = new BatchGetItemCommand({ RequestItems: wanted });
    const answer: BatchGetItemCommandOutput = await client.send(command, { abortSignal: signal() });
    items.push(...(answer.Responses?.[table] ?? []));
    wanted = answer.UnprocessedKeys;
    if (wanted?.[table] !== undefined) await sleep(UNPROCESSED_PAUSE_MS);
  }
  return items;
}

/** An item that is newer already is no failure. */
async function update(client: DynamoDBClient, input: UpdateItemCommandInput, signal: Signal): Promise<void> {
  try {
    await client.send(new UpdateItemCommand(input), { abortSignal: signal() });
  } catch (error) {
    if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
  }
}

/** The condition is `isNewer` in DynamoDB's words. */
function updateOf(table: string, venue: string, state: SymbolState): UpdateItemCommandInput {
  const isLater = 'attribute_not_exists(#ms) OR #ms < :ms';
  const isSame = '(#ms = :ms AND #session = :session AND #clean = :unclean)';
  return {
    TableName: table,
    Key: { feed: { S: feedOf(venue, state.symbol) } },
    UpdateExpression: 'SET #ms = :ms, #id = :id, #session = :session, #clean = :clean',
    ConditionExpression: state.clean ? `${isLater} OR ${isSame}` : isLater,
    ExpressionAttributeNames: {
      '#ms': 'received_ms',
      '#id': 'last_update_id',
      '#session': 'session_id',
      '#clean': 'clean',
    },
    ExpressionAttributeValues: {
      ':ms': { N: String(state.receivedMs) },
      ':id': { N: String(state.lastUpdateId) },
      ':session': { S: state.sessionId },
      ':clean': { BOOL: state.clean },
      ...(state.clean && { ':unclean': { BOOL: false } }),
    },
  };
}

function feedOf(venue: string, symbol: string): string {
  return `${venue}#${symbol}`;
}

/** null: an item that this store did not write. */
function stateOf(venue: string, item: Item): SymbolState | null {
  const symbol = item['feed']?.S?.slice(feedOf(venue, '').length);
  const receivedMs = Number(item['received_ms']?.N);
  const lastUpdateId = Number(item['last_update_id']?.N);
  const sessionId = item['session_id']?.S;
  if (!symbol || sessionId === undefined) return null;
  if (!Number.isSafeInteger(receivedMs) || !Number.isSafeInteger(lastUpdateId)) return null;
  return { symbol, receivedMs, lastUpdateId, sessionId, clean: item['clean']?.BOOL === true };
}

function unavailable(doing: string, table: string, cause: unknown): DepthlakeError {
  const message = `the state in DynamoDB table "${table}" cannot be ${doing}: ${wordsOf(cause)}`;
  return new DepthlakeError('DL_STATE_UNAVAILABLE', message, { cause });
}

function wordsOf(cause: unknown): string {
  const name = cause instanceof Error ? cause.name : '';
  return name === 'TimeoutError' || name === 'AbortError' ? `no answer in ${TIMEOUT_MS / 1000} s` : reasonOf(cause);
}

const DENIED =
  /AccessDenied|ExpiredToken|UnrecognizedClient|InvalidSignature|InvalidClientTokenId|Credentials|IncompleteSignature/;

async function translate(cause: unknown, client: DynamoDBClient, table: string): Promise<DepthlakeError> {
  const name = cause instanceof Error ? cause.name : '';
  if (name === 'ResourceNotFoundException') {
    const region = await client.config.region();
    const message = `there is no DynamoDB table "${table}" in region ${region}: ${await createCommand(client, table)}`;
    return new DepthlakeError('DL_STATE_MISSING', message, { cause });
  }
  if (/region is missing/i.test(reasonOf(cause))) {
    const message = 'no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with one';
    return new DepthlakeError('DL_SETTINGS', message, { cause });
  }
  if (DENIED.test(name)) {
    return new DepthlakeError('DL_STATE_DENIED', `DynamoDB refuses: ${reasonOf(cause)}`, { cause });
  }
  return unavailable('reached', table, cause);
}

/** The AWS command line reads the same endpoint variables. */
async function createCommand(client: DynamoDBClient, table: string): Promise<string> {
  const key = '--attribute-definitions AttributeName=feed,AttributeType=S --key-schema AttributeName=feed,KeyType=HASH';
  const region = await client.config.region();
  return `aws dynamodb create-table --table-name ${table} ${key} --billing-mode PAY_PER_REQUEST --region ${region}`;
}

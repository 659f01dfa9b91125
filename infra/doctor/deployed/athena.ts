/** Asking Athena one question after the other, in the workgroup of the stack. */
import { setTimeout } from 'node:timers/promises';
import {
  type AthenaClient,
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  type QueryExecution,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import { within } from '../within.ts';

/** Rows by the names of the columns; a NULL is null. */
export type Answer = readonly Readonly<Record<string, string | null>>[];

export interface AthenaScope {
  readonly client: AthenaClient;
  readonly workgroup: string;
  readonly database: string;
  /** For each call. */
  readonly timeoutMs: number;
  /** Between two looks at a query that runs. */
  readonly pollMs: number;
}

/** A query of an hour takes seconds; one that waits so long in the queue of the account is given up. */
const QUERY_MAX_MS = 120_000;
/** More rows than the objects of an hour, or than its sessions and symbols. */
const ROWS_MAX = 10_000;

/** A query that Athena took and did not finish; the message is Athena’s reason. */
export class QueryFailed extends Error {}

/**
 * What the query answers, at most 10,000 rows.
 * @throws QueryFailed, or what the SDK throws
 */
export async function ask(scope: AthenaScope, sql: string): Promise<Answer> {
  const { client, workgroup, database, timeoutMs } = scope;
  const start = new StartQueryExecutionCommand({
    QueryString: sql,
    WorkGroup: workgroup,
    QueryExecutionContext: { Database: database },
  });
  const { QueryExecutionId } = await within(timeoutMs, client.send(start));
  await finished(scope, QueryExecutionId!);
  return rowsOf(scope, QueryExecutionId!);
}

async function finished({ client, timeoutMs, pollMs }: AthenaScope, id: string): Promise<void> {
  const endMs = Date.now() + QUERY_MAX_MS;
  for (;;) {
    const command = new GetQueryExecutionCommand({ QueryExecutionId: id });
    const { QueryExecution } = await within(timeoutMs, client.send(command));
    const state = QueryExecution?.Status?.State;
    if (state === 'SUCCEEDED') return;
    if (state === 'FAILED' || state === 'CANCELLED') throw new QueryFailed(reasonIn(QueryExecution!));
    if (Date.now() > endMs) {
      await client.send(new StopQueryExecutionCommand({ QueryExecutionId: id })).catch(() => {});
      throw new QueryFailed(`it was ${state} for ${QUERY_MAX_MS / 1000} s, and is stopped`);
    }
    await setTimeout(pollMs);
  }
}

function reasonIn({ Status }: QueryExecution): string {
  return `${Status?.State}: ${Status?.StateChangeReason ?? Status?.AthenaError?.ErrorMessage ?? 'no reason is given'}`;
}

/** The first row of a SELECT’s results holds the names of the columns. */
async function rowsOf({ client, timeoutMs }: AthenaScope, id: string): Promise<Answer> {
  const rows: (string | null)[][] = [];
  let token: string | undefined;
  do {
    const command = new GetQueryResultsCommand({ QueryExecutionId: id, NextToken: token });
    const { ResultSet, NextToken } = await within(timeoutMs, client.send(command));
    for (const { Data = [] } of ResultSet?.Rows ?? []) rows.push(Data.map(({ VarCharValue }) => VarCharValue ?? null));
    token = NextToken;
  } while (token !== undefined && rows.length <= ROWS_MAX);
  const [names = [], ...values] = rows;
  return values.map((row) => Object.fromEntries(row.map((value, at) => [names[at]!, value])));
}

/** Registration of hours in the Glue catalog, on the side: it can fail or hang, and the data still flows. */
import { BatchCreatePartitionCommand, type GlueClient, type PartitionError } from '@aws-sdk/client-glue';
import { reasonOf } from '../producer/errors.ts';
import type { TableName } from '../producer/record.ts';
import { partitionInput, partitionValues } from './catalog.ts';
import { partitionOf, partitionPath, type TableHour } from './partition.ts';

/** Glue's limit of a BatchCreatePartition call. */
const BATCH_MAX = 100;
/** Hours remembered as registered, and hours that wait for another attempt; the oldest are forgotten first. */
const HOURS_MAX = 1000;
/** Hours that a log line names. */
const NAMED_MAX = 10;

export interface RegistrarOptions {
  readonly client: GlueClient;
  readonly database: string;
  /** Where the lake's root is: `s3://bucket`. */
  readonly lakeUrl: string;
  /** The longest that one invocation waits for Glue, retries included. Default 5,000 ms. */
  readonly timeoutMs?: number;
  /** Takes one line. */
  readonly log: (line: string) => void;
}

interface Failure {
  readonly hours: readonly TableHour[];
  readonly reason: string;
}

/**
 * Creates each hour's partition once. What fails is logged, and tried again with the next invocation; an hour that
 * stays unregistered is registered when it is sealed.
 */
export class PartitionRegistrar {
  readonly #options: RegistrarOptions;
  readonly #registered = new Map<string, TableHour>();
  readonly #waiting = new Map<string, TableHour>();

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Ends within the time-out and never rejects. @returns how many hours are still to be registered */
  async register(hours: readonly TableHour[]): Promise<number> {
    for (const hour of hours) {
      if (!this.#registered.has(nameOf(hour))) remember(this.#waiting, hour);
    }
    if (this.#waiting.size === 0) return 0;

    const timeoutMs = this.#options.timeoutMs ?? 5000;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error(`Glue did not answer within ${timeoutMs} ms`)), timeoutMs);
    const timeUp = aborted(abort.signal);
    const failures = await Promise.all(
      batchesOf([...this.#waiting.values()]).map((batch) => this.#create(batch, abort.signal, timeUp)),
    );
    clearTimeout(timer);
    this.#report(failures.flat());
    return this.#waiting.size;
  }

  async #create(batch: Batch, signal: AbortSignal, timeUp: Promise<never>): Promise<Failure[]> {
    const { client, database, lakeUrl } = this.#options;
    const command = new BatchCreatePartitionCommand({
      DatabaseName: database,
      TableName: batch.table,
      PartitionInputList: batch.hours.map((hour) => partitionInput(hour, lakeUrl)),
    });
    try {
      // The signal ends a request, but not the pause before the SDK's next attempt: the race does.
      const { Errors } = await Promise.race([client.send(command, { abortSignal: signal }), timeUp]);
      const failures = failuresOf(batch, Errors ?? []);
      const failed = new Set(failures.flatMap(({ hours }) => hours));
      for (const hour of batch.hours) if (!failed.has(hour)) this.#settle(hour);
      return failures;
    } catch (error) {
      return [{ hours: batch.hours, reason: reasonOf(signal.aborted ? signal.reason : error) }];
    }
  }

  #settle(hour: TableHour): void {
    this.#waiting.delete(nameOf(hour));
    remember(this.#registered, hour);
  }

  #report(failures: readonly Failure[]): void {
    if (failures.length === 0) return;
    const hours = failures.flatMap((failure) => failure.hours);
    this.#options.log(
      JSON.stringify({
        event: 'partitions_not_registered',
        database: this.#options.database,
        count: hours.length,
        partitions: hours.slice(0, NAMED_MAX).map(nameOf),
        reason: [...new Set(failures.map(({ reason }) => reason))].slice(0, NAMED_MAX).join('; '),
      }),
    );
  }
}

interface Batch {
  readonly table: TableName;
  readonly hours: readonly TableHour[];
}

/** An error that names none of the batch's hours may be of any of them, so it fails them all. */
function failuresOf({ hours }: Batch, errors: readonly PartitionError[]): Failure[] {
  const byValues = new Map(hours.map((hour) => [partitionValues(hour.hourMs).join('/'), hour]));
  const failures = errors
    .filter(({ ErrorDetail }) => ErrorDetail?.ErrorCode !== 'AlreadyExistsException')
    .map(({ PartitionValues = [], ErrorDetail }) => ({
      hour: byValues.get(PartitionValues.join('/')),
      reason: `${ErrorDetail?.ErrorCode}: ${ErrorDetail?.ErrorMessage}`,
    }));
  if (failures.every(({ hour }) => hour !== undefined)) {
    return failures.map(({ hour, reason }) => ({ hours: [hour!], reason }));
  }
  return [{ hours, reason: [...new Set(failures.map(({ reason }) => reason))].slice(0, NAMED_MAX).join('; ') }];
}

function batchesOf(hours: readonly TableHour[]): Batch[] {
  return [...new Set(hours.map(({ table }) => table))].flatMap((table) => {
    const ofTable = hours.filter((hour) => hour.table === table);
    return Array.from({ length: Math.ceil(ofTable.length / BATCH_MAX) }, (_, index) => ({
      table,
      hours: ofTable.slice(index * BATCH_MAX, (index + 1) * BATCH_MAX),
    }));
  });
}

function remember(hours: Map<string, TableHour>, hour: TableHour): void {
  hours.set(nameOf(hour), hour);
  if (hours.size > HOURS_MAX) hours.delete(hours.keys().next().value!);
}

function nameOf({ table, hourMs }: TableHour): string {
  return partitionPath(table, partitionOf(hourMs));
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** What the delivery stream's tests share: a clock that stands still, a bucket in memory, a transformation to script. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../infra/local/clock.ts';
import { type DeliveryStream, type DeliveryStreamOptions, startDeliveryStream } from '../../infra/local/firehose.ts';
import type { Invocation } from '../../infra/local/lambda.ts';
import type { DepthlakeError } from '../../producer/errors.ts';
import type { ObjectStore } from '../../transformer/lake.ts';

export const START_MS = Date.UTC(2024, 1, 29, 23, 59, 58);

/** Lets everything that waits for nothing but promises come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

export class FakeClock implements Clock {
  #now = START_MS;
  #timers = new Map<number, { at: number; callback: () => void }>();
  #next = 1;

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): number {
    this.#timers.set(this.#next, { at: this.#now + ms, callback });
    return this.#next++;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = due[1].at;
      due[1].callback();
      await settle();
    }
    this.#now = end;
  }
}

export class MemoryBucket implements ObjectStore {
  readonly objects = new Map<string, Buffer>();
  /** What the next calls of `put` throw. */
  readonly refusals: Error[] = [];

  async *list(prefix: string) {
    for (const [key, body] of [...this.objects].sort()) if (key.startsWith(prefix)) yield { key, bytes: body.length };
  }

  async get(key: string): Promise<Buffer> {
    return this.objects.get(key)!;
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
    this.objects.set(key, Buffer.from(body));
  }

  keys(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** The texts of the objects under a prefix. */
  texts(prefix: string): string[] {
    return this.keys(prefix).map((key) => this.objects.get(key)!.toString());
  }

  /** The lines of the objects under the error prefix. */
  errors(): Record<string, unknown>[] {
    return this.texts('errors/').flatMap((text) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
  }
}

export interface LambdaRequest {
  invocationId: string;
  deliveryStreamArn: string;
  sourceKinesisStreamArn?: string;
  region: string;
  records: {
    recordId: string;
    approximateArrivalTimestamp: number;
    data: string;
    kinesisRecordMetadata?: Record<string, unknown>;
  }[];
}
export interface LambdaAnswer {
  recordId: string;
  result: string;
  data?: string | null;
  metadata?: { partitionKeys: Record<string, unknown> };
}

export function ok(records: readonly unknown[], log: string[] = []): Invocation {
  return { payload: { records }, functionError: null, log };
}

/** Answers every record with itself, partitioned by its first character. */
export function echo(request: LambdaRequest): Invocation {
  return ok(
    request.records.map(({ recordId, data }) => ({
      recordId,
      result: 'Ok',
      data,
      metadata: { partitionKeys: { first: Buffer.from(data, 'base64').toString()[0] ?? '' } },
    })),
  );
}

export interface Harness {
  readonly clock: FakeClock;
  readonly bucket: MemoryBucket;
  readonly stream: DeliveryStream;
  readonly fatal: DepthlakeError[];
  readonly lines: string[];
  put(...texts: string[]): void;
}

/** A direct-put stream with dynamic partitioning by `first`, if not told otherwise. */
export async function harness(
  options: Partial<Omit<DeliveryStreamOptions, 'invoke'>> & {
    invoke?: (request: LambdaRequest) => Invocation | Promise<Invocation>;
  } = {},
): Promise<Harness> {
  const clock = new FakeClock();
  const bucket = new MemoryBucket();
  const fatal: DepthlakeError[] = [];
  const lines: string[] = [];
  const { invoke = echo, ...rest } = options;
  const stream = await startDeliveryStream({
    name: 'books',
    arn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/books',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:transformer',
    bucket,
    clock,
    prefix: 'table/!{partitionKeyFromLambda:first}/',
    errorPrefix: 'errors/!{firehose:error-output-type}/',
    fileExtension: '.avro',
    dynamicPartitioning: true,
    log: (line) => lines.push(line),
    onFatal: (error) => fatal.push(error),
    ...rest,
    invoke: async (event) => invoke(event as LambdaRequest),
  });
  const put = (...texts: string[]) => void stream.putRecordBatch(texts.map((text) => Buffer.from(text)));
  return { clock, bucket, stream, fatal, lines, put };
}

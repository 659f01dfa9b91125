import { describe, expect, it } from 'vitest';
import { kinesisSource } from '../../infra/replay/kinesis-source.ts';
import type { SourceItem } from '../../producer/replay/source.ts';
import { START_MS } from '../local/firehose-harness.ts';
import { FakeKinesis, failure, pushed } from './fake-kinesis.ts';
import { begin } from './kinesis-reading.ts';
import { EVERYTHING } from './kinesis-stream.ts';

const TIP = { Records: [], ContinuationSequenceNumber: '99', MillisBehindLatest: 0 };
const tip = { SubscribeToShardEvent: TIP };
const start = { kind: 'trim-horizon' } as const;

/** The last event of a closed shard: nothing to go on with, but its children. */
function last(...children: { id: string; parents: string[] }[]): object {
  const ChildShards = children.map(({ id, parents }) => ({ ShardId: id, ParentShards: parents }));
  return { SubscribeToShardEvent: { Records: [], MillisBehindLatest: 0, ChildShards } };
}

function stream(...shards: string[]): FakeKinesis {
  const kinesis = new FakeKinesis();
  for (const id of shards) kinesis.add(id);
  return kinesis;
}

async function* silence(): AsyncGenerator<object> {
  await new Promise(() => {});
}

/** One after the other, each a subscription of its own; then one that is at the tip. */
function inTurn(...subscriptions: (() => AsyncGenerator<object>)[]): () => AsyncIterable<object> {
  return () => {
    const next = subscriptions.shift();
    if (next !== undefined) return next();
    return (async function* () {
      yield tip;
    })();
  };
}

describe('a reading by subscriptions', () => {
  it('goes on where a subscription ends, is dropped, falls silent or is refused', async () => {
    const kinesis = stream('a');
    kinesis.onSubscribe = inTurn(
      async function* () {
        yield pushed(1, 10, 20);
      },
      async function* () {
        yield pushed(3, 30);
        throw failure('ECONNRESET');
      },
      silence,
      async function* () {
        yield pushed(4, 40);
        throw failure('InternalFailureException');
      },
    );
    const reading = begin(kinesis, { fanOut: true });
    await kinesis.clock.advance(0);
    kinesis.fail('SubscribeToShard', failure('ResourceInUseException', 400), failure('LimitExceededException', 400));
    await kinesis.clock.advance(60_000);
    expect(reading.packs()).toEqual(['a@10', 'a@20', 'a@30', 'a@40']);
    expect(reading.ended).toEqual({ error: null });
    expect(kinesis.asked('SubscribeToShard').map(({ StartingPosition }) => StartingPosition)).toMatchObject([
      { Type: 'TRIM_HORIZON' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '2' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '2' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '2' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '3' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '3' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '4' },
    ]);
  });

  it('subscribes once a second and shard at most', async () => {
    const kinesis = stream('a');
    kinesis.onSubscribe = async function* () {};
    const { abort } = begin(kinesis, { fanOut: true, follow: true });
    await kinesis.clock.advance(3500);
    const times = kinesis.calls.filter(({ name }) => name === 'SubscribeToShard').map(({ atMs }) => atMs - START_MS);
    expect(times).toEqual([0, 1000, 2000, 3000]);
    abort();
  });

  it('does not subscribe again to a shard that it has done with', async () => {
    const kinesis = stream('a', 'b');
    const { clock } = kinesis;
    kinesis.onSubscribe = async function* (shardId, signal) {
      if (shardId === 'a') {
        yield tip;
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(failure('AbortError'))));
      }
      for (let number = 1; number <= 10; number++) {
        yield pushed(number, number);
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 1000));
      }
      yield tip;
    };
    const reading = begin(kinesis, { fanOut: true });
    await clock.advance(60_000);
    expect(reading.packs()).toHaveLength(10);
    expect(reading.ended).toEqual({ error: null });
    expect(kinesis.asked('SubscribeToShard').map(({ ShardId }) => ShardId)).toEqual(['a', 'b']);
  });

  it('goes from a closed shard to the children that its last event names', async () => {
    const kinesis = stream('a', 'b');
    const events: Record<string, object[]> = {
      a: [pushed(1, 10), last({ id: 'c', parents: ['a', 'b'] })],
      b: [pushed(2, 20), last({ id: 'c', parents: ['a', 'b'] })],
      c: [pushed(3, 30), tip],
    };
    kinesis.onSubscribe = async function* (shardId) {
      yield* events[shardId]!;
    };
    const reading = begin(kinesis, { fanOut: true });
    await kinesis.clock.advance(5000);
    expect(reading.packs()).toEqual(['a@10', 'b@20', 'c@30']);
    expect(reading.ended).toEqual({ error: null });
    expect(kinesis.asked('GetRecords')).toEqual([]);
  });

  it('asks GetRecords for what is left of a shard that is listed as closed, where no last event comes', async () => {
    const kinesis = stream('a');
    kinesis.onSubscribe = async function* (shardId) {
      if (shardId === 'a') {
        yield pushed(9, -500);
        // Split meanwhile, behind a last record that the subscription never sends.
        kinesis.put('a', START_MS - 500);
        kinesis.put('a', START_MS - 400);
        kinesis.add('b', ['a']);
        yield { SubscribeToShardEvent: { ...TIP, ContinuationSequenceNumber: '9' } };
        yield* silence();
      }
      yield pushed(20, -100);
      yield tip;
    };
    const reading = begin(kinesis, { fanOut: true, start });
    await kinesis.clock.advance(10_000);
    expect(reading.packs()).toEqual(['a@-500', 'a@-400', 'b@-100']);
    expect(reading.ended).toEqual({ error: null });
  });

  it('takes an event when it is wanted, and one ahead', async () => {
    const kinesis = stream('a');
    let taken = 0;
    kinesis.onSubscribe = async function* () {
      for (let number = 1; number <= 100; number++) {
        taken = number;
        yield pushed(number, number);
      }
    };
    const source = kinesisSource({
      client: kinesis.client,
      stream: 'depthlake',
      start,
      lateMs: 0,
      follow: true,
      fanOut: true,
      clock: kinesis.clock,
    });
    const items = source.read(EVERYTHING, null, new AbortController().signal)[Symbol.asyncIterator]();
    const first = items.next();
    await kinesis.clock.advance(0);
    expect(await first).toMatchObject({ done: false });
    await kinesis.clock.advance(30_000);
    expect(taken).toBe(2);
    await items.return!();
  });

  it('knows nothing of now by an event that waited for its reader', async () => {
    const kinesis = stream('a');
    const { clock } = kinesis;
    kinesis.onSubscribe = async function* () {
      // Sent at once, and waiting in the connection.
      yield pushed(1, 0);
      yield tip;
      yield tip;
      // Sent when somebody is waiting for it.
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 1000));
      yield tip;
      yield* silence();
    };
    const source = kinesisSource({
      client: kinesis.client,
      stream: 'depthlake',
      start,
      lateMs: 0,
      follow: true,
      fanOut: true,
      clock,
    });
    const items = source.read(EVERYTHING, null, new AbortController().signal)[Symbol.asyncIterator]();
    const take = async (ms: number) => {
      const item = items.next();
      await clock.advance(ms);
      return (await item).value!;
    };
    const pack = await take(0).then((item) => (item.run === null ? take(0) : item));
    expect(pack.run).not.toBeNull();
    await clock.advance(30_000);
    let live: SourceItem | null = null;
    const next = take(0).then((item) => {
      live = item;
    });
    await clock.advance(900);
    // Neither event that waited has moved the frontier.
    expect(live).toBeNull();
    await clock.advance(100);
    await next;
    expect(live).toMatchObject({ run: null, frontierMs: START_MS + 30_000 });
    await items.return!();
  });
});

describe('the consumer of a reading', () => {
  const tipped = async function* () {
    yield tip;
  };

  it('subscribes when it is active, and is deregistered at the end', async () => {
    const kinesis = stream('a');
    kinesis.onSubscribe = tipped;
    kinesis.statuses.push('CREATING', 'CREATING');
    const reading = begin(kinesis, { fanOut: true });
    await kinesis.clock.advance(5000);
    expect(reading.ended).toEqual({ error: null });
    const names = kinesis.calls
      .map(({ name }) => name)
      .filter((name) => name.includes('Consumer') || name === 'SubscribeToShard');
    expect(names).toEqual([
      'RegisterStreamConsumer',
      'DescribeStreamConsumer',
      'DescribeStreamConsumer',
      'DescribeStreamConsumer',
      'SubscribeToShard',
      'DeregisterStreamConsumer',
    ]);
    const [registered] = kinesis.asked('RegisterStreamConsumer');
    expect(registered!['ConsumerName']).toMatch(/^depthlake-replay-[0-9a-f]{12}$/);
    expect(kinesis.asked('DeregisterStreamConsumer')).toEqual([registered]);
  });

  it('is the same one where the answer to its registration was lost', async () => {
    const kinesis = stream('a');
    kinesis.onSubscribe = tipped;
    kinesis.fail('RegisterStreamConsumer', failure('TimeoutError'), failure('ResourceInUseException', 400));
    const reading = begin(kinesis, { fanOut: true });
    await kinesis.clock.advance(5000);
    expect(reading.ended).toEqual({ error: null });
    const [first, second] = kinesis.asked('RegisterStreamConsumer');
    expect(second).toEqual(first);
  });

  it('is deregistered where the reading fails, is aborted or is left', async () => {
    const failing = stream('a');
    failing.onSubscribe = tipped;
    failing.fail('SubscribeToShard', failure('AccessDeniedException', 400));
    const failed = begin(failing, { fanOut: true });
    await failing.clock.advance(0);
    expect(failed.ended!.error).toMatchObject({ code: 'DL_REPLAY_DENIED' });
    expect(failing.asked('DeregisterStreamConsumer')).toHaveLength(1);

    const aborted = stream('a');
    aborted.onSubscribe = silence;
    const reading = begin(aborted, { fanOut: true, follow: true });
    await aborted.clock.advance(1000);
    reading.abort();
    await aborted.clock.advance(0);
    expect(reading.ended).toEqual({ error: null });
    expect(aborted.asked('DeregisterStreamConsumer')).toHaveLength(1);

    const registering = stream('a');
    registering.outages.set('DescribeStreamConsumer', failure('AccessDeniedException', 400));
    const refused = begin(registering, { fanOut: true });
    await registering.clock.advance(0);
    expect(refused.ended!.error).toMatchObject({ code: 'DL_REPLAY_DENIED' });
    expect(registering.asked('DeregisterStreamConsumer')).toHaveLength(1);
  });

  it('is deregistered again where that is throttled; five times in vain, or refused, it is named, because it costs money', async () => {
    const deregistering = async (...failures: Error[]) => {
      const kinesis = stream('a');
      kinesis.onSubscribe = tipped;
      kinesis.fail('DeregisterStreamConsumer', ...failures);
      const lines: string[] = [];
      const reading = begin(kinesis, { fanOut: true, log: (line) => lines.push(line) });
      await kinesis.clock.advance(10_000);
      expect(reading.ended).toEqual({ error: null });
      return { calls: kinesis.asked('DeregisterStreamConsumer').length, last: lines.at(-1) };
    };
    const throttled = () => failure('LimitExceededException', 400);
    const named = (name: string) =>
      expect.stringMatching(
        `^the consumer depthlake-replay-[0-9a-f]{12} of depthlake may still be registered, which costs money: ${name}`,
      );

    expect(await deregistering(throttled(), throttled())).toEqual({ calls: 3, last: undefined });
    const often = Array.from({ length: 5 }, throttled);
    expect(await deregistering(...often)).toEqual({ calls: 5, last: named('LimitExceeded') });
    const denied = failure('AccessDeniedException', 400);
    expect(await deregistering(denied)).toEqual({ calls: 1, last: named('AccessDenied') });
  });

  it('is given up where it never becomes active', async () => {
    const kinesis = stream('a');
    kinesis.statuses.push(...Array.from({ length: 1000 }, () => 'CREATING'));
    const reading = begin(kinesis, { fanOut: true });
    await kinesis.clock.advance(130_000);
    expect(reading.ended!.error).toMatchObject({
      code: 'DL_REPLAY_UNREACHABLE',
      message: expect.stringMatching(/^the consumer depthlake-replay-\w+ of depthlake is not active after 120 s$/),
    });
  });
});

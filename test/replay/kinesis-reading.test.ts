import { describe, expect, it } from 'vitest';
import { kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { encodeLine } from '../../producer/record.ts';
import { START_MS } from '../local/firehose-harness.ts';
import { bookRow } from '../producer/samples.ts';
import { FakeKinesis, failure } from './fake-kinesis.ts';
import { begin } from './kinesis-reading.ts';
import { EVERYTHING } from './kinesis-stream.ts';

const MINUTE = 60_000;

function stream(shards: Record<string, string[]>): FakeKinesis {
  const kinesis = new FakeKinesis();
  for (const [id, parents] of Object.entries(shards)) kinesis.add(id, parents);
  return kinesis;
}

/** Puts a pack at each of these times, in ms before the beginning. */
function fill(kinesis: FakeKinesis, id: string, ...beforeMs: number[]): string[] {
  return beforeMs.map((ms) => kinesis.put(id, START_MS - ms));
}

describe('the order of a stream', () => {
  it('is that of arrival, over all shards and answers', async () => {
    const kinesis = stream({ a: [], b: [], c: [] });
    kinesis.answerRecords = 2;
    fill(kinesis, 'a', 900, 800, 500, 200, 100);
    fill(kinesis, 'b', 850, 700, 650, 300);
    fill(kinesis, 'c', 50);
    const { clock } = kinesis;
    const reading = begin(kinesis);
    await clock.advance(10_000);
    expect(reading.packs()).toEqual([
      'a@-900',
      'b@-850',
      'a@-800',
      'b@-700',
      'b@-650',
      'a@-500',
      'b@-300',
      'a@-200',
      'a@-100',
      'c@-50',
    ]);
    expect(reading.ended).toEqual({ error: null });
  });

  it('holds a parent to its end before its children, and both parents before what they are merged into', async () => {
    // a is split into c and d; b and c are merged into e, which is split again.
    const kinesis = stream({ a: [], b: [], c: ['a'], d: ['a'], e: ['b', 'c'], f: ['e'], g: ['e'] });
    // As they would be read by their arrival alone, the clocks of the shards do not allow it.
    fill(kinesis, 'g', 5000);
    fill(kinesis, 'f', 6000);
    fill(kinesis, 'e', 7000);
    fill(kinesis, 'c', 8000);
    fill(kinesis, 'd', 100);
    fill(kinesis, 'b', 300);
    fill(kinesis, 'a', 900);
    const reading = begin(kinesis);
    await kinesis.clock.advance(20_000);
    const shards = reading.packs().map((pack) => pack[0]);
    expect([...shards].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    const before = (first: string, second: string) => shards.indexOf(first) < shards.indexOf(second);
    for (const [parent, child] of ['ac', 'ad', 'be', 'ce', 'ef', 'eg'])
      expect(before(parent!, child!), `${parent} ${child}`).toBe(true);
  });

  it('finds shards that appear while it follows, and whom they wait for', async () => {
    const kinesis = stream({ a: [], b: [] });
    const reading = begin(kinesis, { follow: true });
    await kinesis.clock.advance(1000);
    // Nothing of this was listed at the beginning: b is split into c and d, and a and c are merged into e. When a is
    // read to its end, e is known to follow, and c is not yet.
    kinesis.add('c', ['b']);
    kinesis.add('d', ['b']);
    kinesis.add('e', ['a', 'c']);
    kinesis.put('b', START_MS + 900);
    kinesis.put('e', START_MS + 800);
    kinesis.put('c', START_MS + 1300);
    kinesis.put('d', START_MS + 1400);
    await kinesis.clock.advance(10_000);
    expect(reading.packs().map((pack) => pack[0])).toEqual(['b', 'c', 'e', 'd']);
    expect(reading.ended).toBeNull();
    reading.abort();
  });

  it('goes on with the children of a shard that leaves the retention before it is read', async () => {
    const kinesis = stream({ a: [], b: ['a'], c: ['b'], d: ['b'] });
    fill(kinesis, 'c', 200);
    fill(kinesis, 'd', 100);
    fill(kinesis, 'a', 900);
    const lines: string[] = [];
    kinesis.fail('GetShardIterator', failure('ProvisionedThroughputExceededException', 400));
    const reading = begin(kinesis, { log: (line) => lines.push(line) });
    await kinesis.clock.advance(0);
    kinesis.drop('b');
    await kinesis.clock.advance(10_000);
    expect(reading.packs()).toEqual(['a@-900', 'c@-200', 'd@-100']);
    expect(lines).toContain('b is beyond retention by now: nothing of it is left to read');
  });

  it('ends where the stream is deleted meanwhile', async () => {
    const kinesis = stream({ a: [] });
    const reading = begin(kinesis, { follow: true });
    await kinesis.clock.advance(1500);
    for (const call of ['GetRecords', 'ListShards'])
      kinesis.outages.set(call, failure('ResourceNotFoundException', 400));
    await kinesis.clock.advance(5000);
    expect(reading.ended!.error).toMatchObject({ code: 'DL_STREAM_MISSING' });
  });

  it('has a frontier that never falls, and that no later pack comes before', async () => {
    const kinesis = stream({ a: [], b: [], c: ['a'], d: ['a'] });
    kinesis.answerRecords = 3;
    fill(kinesis, 'a', 990, 980, 700);
    fill(kinesis, 'b', 960, 930, 800, 610, 600, 310, 20);
    fill(kinesis, 'c', 500, 490, 480, 470);
    fill(kinesis, 'd', 10);
    const { items } = begin(kinesis);
    await kinesis.clock.advance(10_000);
    let frontierMs = Number.NEGATIVE_INFINITY;
    for (const item of items) {
      for (const { row } of item.run?.rows ?? []) expect(row.timestamp_ms).toBeGreaterThanOrEqual(frontierMs);
      expect(item.frontierMs).toBeGreaterThanOrEqual(frontierMs);
      frontierMs = item.frontierMs;
    }
    expect(frontierMs).toBeGreaterThan(START_MS - 20);
  });

  it('keeps a frontier moving where nothing comes, no further than every shard was seen to hold nothing', async () => {
    const kinesis = stream({ a: [], b: [] });
    const { items, abort } = begin(kinesis, { follow: true });
    await kinesis.clock.advance(5000);
    const frontierMs = items.at(-1)!.frontierMs - START_MS;
    expect(frontierMs).toBeGreaterThanOrEqual(3000);
    expect(frontierMs).toBeLessThanOrEqual(5000);
    abort();
  });
});

describe('the calls of a reading', () => {
  it('are five a second and shard at most, and one at the tip', async () => {
    const kinesis = stream({ a: [], b: [] });
    kinesis.answerRecords = 1;
    fill(kinesis, 'a', ...Array.from({ length: 10 }, (_, n) => 1000 - n));
    const { abort } = begin(kinesis, { follow: true });
    await kinesis.clock.advance(5000);
    const times = (id: string) =>
      kinesis.calls
        .filter(({ input }) => `${input['ShardIterator']}`.startsWith(`${id}|`))
        .map(({ atMs }) => atMs - START_MS);
    expect(times('a')).toEqual([0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000, 3000, 4000, 5000]);
    expect(times('b')).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
    abort();
  });

  it('do not run ahead of a reader who takes his time by more than an answer a shard', async () => {
    const kinesis = stream({ a: [], b: [] });
    kinesis.answerRecords = 1;
    for (const id of ['a', 'b']) fill(kinesis, id, 900, 800, 700, 600, 500);
    const source = kinesisSource({
      client: kinesis.client,
      stream: 'depthlake',
      start: { kind: 'trim-horizon' },
      lateMs: 0,
      follow: false,
      fanOut: false,
      clock: kinesis.clock,
    });
    const items = source.read(EVERYTHING, null, new AbortController().signal)[Symbol.asyncIterator]();
    const first = items.next();
    await kinesis.clock.advance(0);
    expect(await first).toMatchObject({ done: false });
    await kinesis.clock.advance(10 * MINUTE);
    expect(kinesis.asked('GetRecords')).toHaveLength(4);
    await items.return!();
    await kinesis.clock.advance(10 * MINUTE);
    expect(kinesis.asked('GetRecords')).toHaveLength(4);
  });

  it('stop when the signal is aborted, and the reading ends without an error', async () => {
    const kinesis = stream({ a: [] });
    const reading = begin(kinesis, { follow: true });
    await kinesis.clock.advance(1500);
    reading.abort();
    await kinesis.clock.advance(0);
    expect(reading.ended).toEqual({ error: null });
    const { length } = kinesis.calls;
    await kinesis.clock.advance(MINUTE);
    expect(kinesis.calls).toHaveLength(length);
  });

  it('begin after the last record again where an iterator expires', async () => {
    const kinesis = stream({ a: [] });
    kinesis.answerRecords = 2;
    const [, second] = fill(kinesis, 'a', 900, 800, 700, 600);
    const reading = begin(kinesis);
    await kinesis.clock.advance(100);
    kinesis.fail('GetRecords', failure('ExpiredIteratorException', 400));
    await kinesis.clock.advance(10_000);
    expect(reading.packs()).toEqual(['a@-900', 'a@-800', 'a@-700', 'a@-600']);
    expect(kinesis.asked('GetShardIterator')[1]).toMatchObject({
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: second,
    });
  });

  it('begin where the reading began again where an iterator expires before the first record', async () => {
    const kinesis = stream({ a: [] });
    fill(kinesis, 'a', 900);
    kinesis.fail('GetRecords', failure('ExpiredIteratorException', 400));
    const reading = begin(kinesis, {}, { fromMs: START_MS - 1000 });
    await kinesis.clock.advance(10_000);
    expect(reading.packs()).toEqual(['a@-900']);
    const [first, second] = kinesis.asked('GetShardIterator');
    expect(second).toEqual(first);
  });

  it('are made again where they are throttled, fail or get no answer, and nothing comes twice', async () => {
    const kinesis = stream({ a: [], b: [] });
    fill(kinesis, 'a', 900, 700);
    fill(kinesis, 'b', 800, 600);
    const throttled = failure('ProvisionedThroughputExceededException', 400);
    kinesis.fail('DescribeStreamSummary', failure('LimitExceededException', 400));
    kinesis.fail('ListShards', failure('LimitExceededException', 400), failure('ResourceInUseException', 400));
    kinesis.fail('GetShardIterator', throttled, failure('InternalFailureException', 500));
    kinesis.fail('GetRecords', throttled, failure('TimeoutError'), failure('KMSThrottlingException', 400), throttled);
    const lines: string[] = [];
    const reading = begin(kinesis, { log: (line) => lines.push(line) });
    await kinesis.clock.advance(30_000);
    expect(reading.packs()).toEqual(['a@-900', 'b@-800', 'a@-700', 'b@-600']);
    expect(reading.ended).toEqual({ error: null });
    expect(lines).toContainEqual(expect.stringMatching(/^reading [ab] of depthlake: .*; trying again$/));
  });

  it('are given up after a minute of nothing but failures of one shard', async () => {
    const kinesis = stream({ a: [] });
    const reading = begin(kinesis, { follow: true });
    await kinesis.clock.advance(1500);
    kinesis.outages.set('GetRecords', failure('ECONNREFUSED'));
    await kinesis.clock.advance(59_000);
    expect(reading.ended).toBeNull();
    await kinesis.clock.advance(10_000);
    expect(reading.ended!.error).toMatchObject({
      code: 'DL_REPLAY_UNREACHABLE',
      message: 'a of depthlake cannot be read: 60 s of failures, the last: ECONNREFUSED it is',
    });
  });

  it.each([
    ['ResourceNotFoundException', 'DL_STREAM_MISSING', 'there is no Kinesis stream "depthlake" in region us-east-1'],
    ['AccessDeniedException', 'DL_REPLAY_DENIED', 'Kinesis refuses to read depthlake: AccessDeniedException it is'],
    ['ExpiredTokenException', 'DL_REPLAY_DENIED', 'Kinesis refuses to read depthlake: ExpiredTokenException it is'],
    ['KMSDisabledException', 'DL_REPLAY_DENIED', 'Kinesis refuses to read depthlake: KMSDisabledException it is'],
  ])('end at once with %s', async (name, code, message) => {
    const kinesis = stream({ a: [] });
    kinesis.fail(name.startsWith('KMS') ? 'GetRecords' : 'DescribeStreamSummary', failure(name, 400));
    const reading = begin(kinesis);
    await kinesis.clock.advance(0);
    expect(reading.ended!.error).toMatchObject({ code, message });
  });

  it.each(['CredentialsProviderError', 'TokenProviderError'])('end at once with %s of the SDK', async (name) => {
    const kinesis = stream({ a: [] });
    kinesis.fail('DescribeStreamSummary', failure(name));
    const reading = begin(kinesis);
    await kinesis.clock.advance(0);
    expect(reading.ended!.error).toMatchObject({ code: 'DL_REPLAY_DENIED' });
  });
});

describe('the beginning of a reading', () => {
  const MARGIN = 60_000;

  it('lies a minute before the first time wanted, in every shard', async () => {
    const kinesis = stream({ a: [], b: ['a'], c: ['a'] });
    fill(kinesis, 'a', 200_000);
    fill(kinesis, 'b', 101_000 + MARGIN, 99_000 + MARGIN, 50);
    const reading = begin(kinesis, {}, { fromMs: START_MS - 100_000 });
    await kinesis.clock.advance(10_000);
    expect(reading.packs()).toEqual([`b@${-99_000 - MARGIN}`, 'b@-50']);
    const at = { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(START_MS - 100_000 - MARGIN) };
    expect(kinesis.asked('GetShardIterator')).toMatchObject([at, at, at]);
  });

  it('is never in the future, which Kinesis refuses', async () => {
    const kinesis = stream({ a: [] });
    const reading = begin(kinesis, { follow: true }, { fromMs: START_MS + 5 * MINUTE });
    await kinesis.clock.advance(0);
    expect(kinesis.asked('GetShardIterator')).toMatchObject([{ Timestamp: new Date(START_MS - MARGIN) }]);
    reading.abort();
  });

  it('is everything with trim-horizon, and with a selection that is open', async () => {
    for (const start of [{ kind: 'trim-horizon' }, { kind: 'time' }] as const) {
      const kinesis = stream({ a: [], b: ['a'] });
      fill(kinesis, 'a', 2_000_000);
      fill(kinesis, 'b', 1_000_000);
      const reading = begin(kinesis, { start });
      await kinesis.clock.advance(5000);
      expect(reading.packs()).toEqual(['a@-2000000', 'b@-1000000']);
    }
  });

  it('is now with latest: what is there is not read, what comes is, also where the first iterator expires', async () => {
    const kinesis = stream({ a: [], b: ['a'], c: ['a'] });
    for (const id of ['a', 'b', 'c']) fill(kinesis, id, 10);
    const reading = begin(kinesis, { start: { kind: 'latest' }, follow: true });
    await kinesis.clock.advance(1500);
    kinesis.put('b', START_MS + 1700);
    kinesis.add('d', ['c']);
    kinesis.put('d', START_MS + 1800);
    kinesis.fail('GetRecords', failure('ExpiredIteratorException', 400), failure('ExpiredIteratorException', 400));
    await kinesis.clock.advance(5000);
    expect(reading.packs()).toEqual(['b@1700', 'd@1800']);
    reading.abort();
  });

  it('is a record of one shard, and in the others its time of arrival', async () => {
    const kinesis = stream({ a: [], b: [], c: [] });
    const [, second] = fill(kinesis, 'a', 900, 800, 300);
    fill(kinesis, 'b', 801, 800, 799);
    fill(kinesis, 'c', 1000);
    const reading = begin(kinesis, { start: { kind: 'sequence', shardId: 'a', number: second! } });
    await kinesis.clock.advance(5000);
    expect(reading.packs().sort()).toEqual(['a@-300', 'a@-800', 'b@-799', 'b@-800']);
  });

  it.each([
    ['x', '9', 'depthlake has no shard x; it has a, b'],
    ['a', '77', 'depthlake holds no record 77 in a'],
  ])('is refused where there is no such record: %s %s', async (shardId, number, message) => {
    const kinesis = stream({ a: [], b: [] });
    fill(kinesis, 'a', 900);
    const reading = begin(kinesis, { start: { kind: 'sequence', shardId, number } });
    await kinesis.clock.advance(0);
    expect(reading.ended!.error).toMatchObject({ code: 'DL_USAGE', message });
  });

  it('names the oldest time that is there where an earlier one is asked for, and goes on from it', async () => {
    const kinesis = stream({ a: [], b: [] });
    kinesis.retentionHours = 1;
    fill(kinesis, 'a', 50 * MINUTE);
    fill(kinesis, 'b', 55 * MINUTE);
    const reading = begin(kinesis, {}, { fromMs: START_MS - 120 * MINUTE });
    await kinesis.clock.advance(5000);
    expect(reading.items.filter(({ problem }) => problem !== null)).toMatchObject([
      {
        problem: {
          code: 'DL_RANGE_EXPIRED',
          where: 'depthlake',
          message:
            'rows from 2024-02-29T21:59:58.000Z on are asked for; the oldest that depthlake holds arrived at 2024-02-29T23:04:58.000Z',
        },
      },
    ]);
    expect(reading.packs()).toEqual([`b@${-55 * MINUTE}`, `a@${-50 * MINUTE}`]);
  });

  it('names the time that retention leaves where the stream holds nothing', async () => {
    const kinesis = stream({ a: [] });
    kinesis.retentionHours = 1;
    kinesis.createdMs = START_MS - 30 * MINUTE;
    const { items } = begin(kinesis, {}, { fromMs: START_MS - 120 * MINUTE });
    await kinesis.clock.advance(5000);
    expect(items.flatMap(({ problem }) => problem?.message ?? [])).toEqual([
      expect.stringContaining('depthlake keeps what arrived since 2024-02-29T23:29:58.000Z, and holds nothing'),
    ]);
  });

  it('has nothing to say of a time before the stream was made, as far as retention reaches: nothing of it is gone', async () => {
    const kinesis = stream({ a: [] });
    kinesis.retentionHours = 24;
    kinesis.createdMs = START_MS - 30 * MINUTE;
    fill(kinesis, 'a', 10 * MINUTE);
    const { items } = begin(kinesis, {}, { fromMs: START_MS - 120 * MINUTE });
    await kinesis.clock.advance(5000);
    expect(items.some(({ problem }) => problem !== null)).toBe(false);
  });

  it('has nothing to say where the range lies within retention, to the minute', async () => {
    const kinesis = stream({ a: [] });
    kinesis.retentionHours = 1;
    kinesis.createdMs = START_MS - 120 * MINUTE;
    fill(kinesis, 'a', 10);
    const { items } = begin(kinesis, {}, { fromMs: START_MS - 60 * MINUTE });
    await kinesis.clock.advance(5000);
    expect(items.some(({ problem }) => problem !== null)).toBe(false);
  });
});

describe('a reading that goes on after a checkpoint', () => {
  it('begins a minute before the time wanted again, and says of each pack whether it was taken', async () => {
    const kinesis = stream({ a: [], b: [] });
    const [, , , last] = fill(kinesis, 'a', 130_000, 90_000, 80_000, 70_000, 60_000);
    fill(kinesis, 'b', 65_000);
    // 12 is after 9: they are numbers, not words.
    expect([last, last! > '9']).toEqual(['12', false]);
    const resume = { fromMs: START_MS - 80_000, taken: { a: last! } };
    const { items } = begin(kinesis, {}, { fromMs: START_MS - 300_000 }, resume);
    await kinesis.clock.advance(5000);
    const runs = items.flatMap(({ run }) => (run === null ? [] : [[run.part, run.position, run.taken]]));
    expect(runs).toEqual([
      ['a', '9', true],
      ['a', '10', true],
      ['a', '11', true],
      ['a', '12', true],
      ['b', '14', false],
      ['a', '13', false],
    ]);
  });

  it('never begins before the record that it began with', async () => {
    const kinesis = stream({ a: [], b: [] });
    const [, second] = fill(kinesis, 'a', 900, 800, 300);
    fill(kinesis, 'b', 850, 700);
    const resume = { fromMs: START_MS - 500, taken: { a: second! } };
    const reading = begin(kinesis, { start: { kind: 'sequence', shardId: 'a', number: second! } }, {}, resume);
    await kinesis.clock.advance(5000);
    expect(reading.packs()).toEqual(['a@-800', 'b@-700', 'a@-300']);
  });
});

describe('the end of a reading', () => {
  it('comes at the tip, for what had arrived when it began', async () => {
    const kinesis = stream({ a: [], b: [] });
    fill(kinesis, 'a', 500);
    fill(kinesis, 'b', 400);
    const reading = begin(kinesis);
    await kinesis.clock.advance(1000);
    expect(reading.packs()).toEqual(['a@-500', 'b@-400']);
    expect(reading.ended).toEqual({ error: null });
  });

  it('comes where a shard is never at its tip, because it takes records all the time', async () => {
    const kinesis = stream({ a: [] });
    kinesis.put('a', START_MS - 1);
    for (let ms = 0; ms < 20_000; ms += 100) kinesis.put('a', START_MS + ms);
    const reading = begin(kinesis);
    await kinesis.clock.advance(20_000);
    expect(reading.ended).toEqual({ error: null });
    expect(reading.packs()).toContain('a@0');
    expect(reading.packs().at(-1)).toBe('a@5000');
  });

  it('comes where every shard is read beyond the end of the selection and its lateness', async () => {
    const kinesis = stream({ a: [], b: [] });
    fill(kinesis, 'a', 900, 500, 399, 100);
    fill(kinesis, 'b', 850, 200);
    const reading = begin(kinesis, { lateMs: 100 }, { toMs: START_MS - 500 });
    await kinesis.clock.advance(5000);
    expect(reading.packs()).toEqual(['a@-900', 'b@-850', 'a@-500']);
    expect(reading.ended).toEqual({ error: null });
  });

  it('comes, where it follows, when the time of the end and its lateness are over', async () => {
    const kinesis = stream({ a: [] });
    const reading = begin(kinesis, { lateMs: 3000, follow: true }, { toMs: START_MS + 5000 });
    await kinesis.clock.advance(2500);
    kinesis.put('a', START_MS + 2600);
    await kinesis.clock.advance(5400);
    expect(reading.ended).toBeNull();
    await kinesis.clock.advance(2000);
    expect(reading.ended).toEqual({ error: null });
    expect(reading.packs()).toEqual(['a@2600']);
  });
});

describe('a record that is no pack', () => {
  it('is named with its shard and sequence number, and the rest goes on', async () => {
    const kinesis = stream({ a: [] });
    fill(kinesis, 'a', 900);
    const bytes = kinesis.putBytes('a', START_MS - 800, Buffer.from([0x1f, 0x8b, 1, 2, 3]));
    const line = kinesis.putBytes('a', START_MS - 700, Buffer.from('{"type":"order_book"}'));
    fill(kinesis, 'a', 600);
    const reading = begin(kinesis);
    await kinesis.clock.advance(5000);
    expect(reading.items.flatMap(({ problem }) => problem ?? [])).toEqual([
      { code: 'DL_PACK_INVALID', where: `a ${bytes}`, message: expect.stringContaining('does not decode') },
      { code: 'DL_ROW_INVALID', where: `a ${line}`, message: 'a row of order_book lacks timestamp_ms' },
    ]);
    expect(reading.packs()).toEqual(['a@-900', 'a@-600']);
  });

  it('is one with a row that no lake has an hour for, too', async () => {
    const kinesis = stream({ a: [] });
    const rows = [-1, Date.UTC(10_000, 0)].map((atMs) => encodeLine(bookRow('BTCUSDT', 1, atMs)));
    for (const line of rows) kinesis.putBytes('a', START_MS - 800, Buffer.from(line));
    fill(kinesis, 'a', 600);
    const reading = begin(kinesis);
    await kinesis.clock.advance(5000);
    expect(reading.items.flatMap(({ problem }) => problem?.message ?? [])).toEqual([
      'timestamp_ms -1 lies outside the years 1970 to 9999',
      'timestamp_ms 253402300800000 lies outside the years 1970 to 9999',
    ]);
    expect(reading.packs()).toEqual(['a@-600']);
  });

  it('is not named again after a checkpoint', async () => {
    const kinesis = stream({ a: [] });
    const number = kinesis.putBytes('a', START_MS - 800, Buffer.from('no pack'));
    const { items } = begin(kinesis, {}, {}, { fromMs: START_MS - 1000, taken: { a: number } });
    await kinesis.clock.advance(5000);
    expect(items.filter(({ problem }) => problem !== null)).toEqual([]);
    expect(items.flatMap(({ run }) => run?.position ?? [])).toEqual([number]);
  });
});

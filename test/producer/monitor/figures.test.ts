import { describe, expect, test } from 'vitest';
import type { FeedEvent } from '../../../producer/feed/observation.ts';
import type { FeedSignal } from '../../../producer/feed/signal.ts';
import { snapshot } from '../samples.ts';
import { producing } from './producing.ts';
import { type Family, readPrometheusText } from './prometheus-text.ts';

type Producing = ReturnType<typeof producing>;

async function scrape({ figures }: Producing): Promise<Map<string, Family>> {
  return readPrometheusText((await figures.text()).body);
}

/** Values of a metric by their labels' values; '' where it has none. */
async function valuesOf(producer: Producing, name: string): Promise<Record<string, number>> {
  const family = (await scrape(producer)).get(name)!;
  return Object.fromEntries(family.samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

async function single(producer: Producing, name: string): Promise<number | undefined> {
  return (await valuesOf(producer, name))[''];
}

function tell({ figures }: Producing, ...events: FeedEvent[]): void {
  for (const event of events) figures.observation({ kind: 'event', event });
}

const AT = { slot: 0, atMs: 1_000, symbols: ['BTCUSDT'] };
const OPENED: FeedSignal = { ...AT, kind: 'opened' };
const CLOSED: FeedSignal = { ...AT, kind: 'closed', reason: 'reset' };
const HANDED_OVER: FeedSignal = { ...AT, kind: 'handed_over', reason: 'life', overlapMs: 100 };

describe('what the producer’s parts count is read when it is asked for', () => {
  test.each([
    ['depthlake_frames_total', { frames: 7 }],
    ['depthlake_snapshots_total', { snapshots: 7 }],
    ['depthlake_symbols', { symbols: 7 }],
    ['depthlake_packs_total', { packs: 7 }],
    ['depthlake_rows_total', { rows: 7 }],
    ['depthlake_bytes_total', { bytes: 7 }],
    ['depthlake_line_bytes_total', { lineBytes: 7 }],
    ['depthlake_retries_total', { retries: 7 }],
    ['depthlake_throttles_total', { throttles: 7 }],
    ['depthlake_queue_rows', { queuedRows: 7 }],
    ['depthlake_queue_bytes', { queuedBytes: 7 }],
    ['depthlake_diffs_total', { diffs: 7 }],
    ['depthlake_spill_rows', { spillRows: 7 }],
    ['depthlake_spilled_packs_total', { spilledPacks: 7 }],
    ['depthlake_drained_packs_total', { drainedPacks: 7 }],
    ['depthlake_spill_damaged_total', { damagedEntries: 7 }],
    ['depthlake_spill_bytes', { spillBytes: 7 }],
    ['depthlake_log_lines_dropped_total', { logLinesDropped: 7 }],
  ])('%s', async (name, readings) => {
    const producer = producing();
    expect(await single(producer, name)).toBe(0);

    producer.reads(readings);

    expect(await single(producer, name)).toBe(7);
    expect(await single(producer, name)).toBe(7);
  });

  test('discards by reason', async () => {
    const producer = producing();
    producer.reads({ discarded: { repeat: 3, queue_full: 1 } });

    expect(await valuesOf(producer, 'depthlake_discarded_total')).toEqual({ repeat: 3, queue_full: 1 });
  });
});

describe('what befalls the feed is counted', () => {
  test('events by kind, gaps with their length', async () => {
    const producer = producing();

    tell(
      producer,
      { timestamp_ms: 1, kind: 'connected' },
      { timestamp_ms: 9_500, kind: 'gap', symbol: 'BTCUSDT', from_ms: 8_000, to_ms: 9_500 },
      { timestamp_ms: 9_500, kind: 'gap', symbol: 'ETHUSDT', from_ms: 9_000, to_ms: 9_250 },
      { timestamp_ms: 9_500, kind: 'gap', symbol: 'SOLUSDT' },
    );

    expect(await valuesOf(producer, 'depthlake_events_total')).toEqual({ connected: 1, gap: 3 });
    expect(await single(producer, 'depthlake_gaps_total')).toBe(3);
    expect(await single(producer, 'depthlake_gap_seconds_total')).toBe(1.75);
  });

  test('a gap that a set-back clock ends before its beginning has no length', async () => {
    const producer = producing();

    tell(producer, { timestamp_ms: 1, kind: 'gap', symbol: 'BTCUSDT', from_ms: 8_000, to_ms: 7_000 });

    expect(await single(producer, 'depthlake_gap_seconds_total')).toBe(0);
  });

  test('a connection opened again is a reconnect, one that is replaced a hand-over', async () => {
    const producer = producing();

    for (const signal of [OPENED, { ...OPENED, slot: 1 }, HANDED_OVER, CLOSED]) producer.figures.signal(signal);
    expect(await single(producer, 'depthlake_connections')).toBe(1);
    expect(await single(producer, 'depthlake_reconnects_total')).toBe(0);

    producer.figures.signal(OPENED);

    expect(await single(producer, 'depthlake_connections')).toBe(2);
    expect(await single(producer, 'depthlake_reconnects_total')).toBe(1);
    expect(await single(producer, 'depthlake_hand_overs_total')).toBe(1);
  });

  test('a book’s first seed is none of its resyncs', async () => {
    const producer = producing();
    const seeded = (symbol: string): FeedEvent => ({ timestamp_ms: 1, kind: 'book_seeded', symbol });

    tell(producer, seeded('BTCUSDT'), seeded('ETHUSDT'));
    expect(await single(producer, 'depthlake_book_resyncs_total')).toBe(0);
    tell(producer, { timestamp_ms: 2, kind: 'book_lost', symbol: 'BTCUSDT' }, seeded('BTCUSDT'));
    expect(await single(producer, 'depthlake_book_resyncs_total')).toBe(1);
    tell(producer, { timestamp_ms: 3, kind: 'delisted', symbol: 'ETHUSDT' }, seeded('ETHUSDT'));
    expect(await single(producer, 'depthlake_book_resyncs_total')).toBe(1);
  });
});

describe('what the latest snapshot said', () => {
  const of = (symbol: string, eventMs: number) => ({ ...snapshot(symbol, eventMs), verified: true, receivedMs: 1_250 });

  test('covered levels by symbol and side, until the symbol is delisted', async () => {
    const producer = producing();
    producer.figures.observation({ ...of('BTCUSDT', 1_000), bid_levels_covered: 3 });
    producer.figures.observation({ ...of('BTCUSDT', 1_100), bid_levels_covered: 4 });
    producer.figures.observation(of('ETHUSDT', 1_100));

    const levels = { 'BTCUSDT bid': 4, 'BTCUSDT ask': 5, 'ETHUSDT bid': 5, 'ETHUSDT ask': 5 };
    expect(await valuesOf(producer, 'depthlake_covered_levels')).toEqual(levels);

    tell(producer, { timestamp_ms: 2, kind: 'delisted', symbol: 'ETHUSDT' });

    expect(await valuesOf(producer, 'depthlake_covered_levels')).toEqual({ 'BTCUSDT bid': 4, 'BTCUSDT ask': 5 });
  });

  test('the lag behind the exchange, where it gives a time; else none is claimed', async () => {
    const producer = producing();
    producer.figures.observation({ ...of('BTCUSDT', 1_250) });
    expect(await single(producer, 'depthlake_feed_lag_seconds')).toBeUndefined();

    producer.figures.observation(of('BTCUSDT', 1_000));

    expect(await single(producer, 'depthlake_feed_lag_seconds')).toBe(0.25);
  });
});

describe('from the socket to Kinesis', () => {
  const NAME = 'depthlake_socket_to_kinesis_seconds';

  async function histogram(producer: Producing): Promise<{ upTo: Record<string, number>; sum: number; count: number }> {
    const { samples } = (await scrape(producer)).get(NAME)!;
    const value = (suffix: string) => samples.find(({ name }) => name === NAME + suffix)!.value;
    const buckets = samples.filter(({ name }) => name === `${NAME}_bucket`);
    const upTo = Object.fromEntries(buckets.map((bucket) => [bucket.labels['le']!, bucket.value]));
    return { upTo, sum: value('_sum'), count: value('_count') };
  }

  test('each snapshot of an accepted pack counts from its own receipt', async () => {
    const producer = producing();

    producer.accepts([1_000, 1_600, 1_999], 2_000);

    const { upTo, sum, count } = await histogram(producer);
    expect(upTo).toMatchObject({ 0.001: 1, 0.25: 1, 0.5: 2, 0.75: 2, 1: 3, 60: 3, '+Inf': 3 });
    expect(sum).toBeCloseTo(1.401, 9);
    expect(count).toBe(3);
    expect(await single(producer, 'depthlake_last_accepted_timestamp_seconds')).toBe(2);
  });

  test('the rows of a pack from the spill count from the pack’s first row', async () => {
    const producer = producing();

    producer.figures.accepted({ table: 'order_book', rows: 4, openedMs: 10_000, receivedMs: [] }, 50_000);

    expect(await histogram(producer)).toMatchObject({ upTo: { 30: 0, 60: 4 }, sum: 160, count: 4 });
  });

  test('feed events are no snapshots', async () => {
    const producer = producing();

    producer.accepts([], 2_000, 'feed_event');

    expect((await histogram(producer)).count).toBe(0);
    expect(await single(producer, 'depthlake_last_accepted_timestamp_seconds')).toBe(2);
  });

  test('the slowest row is told once', () => {
    const producer = producing();
    producer.accepts([1_000, 1_600], 2_000);

    expect(producer.figures.takeSlowest()).toBe(1);
    expect(producer.figures.takeSlowest()).toBeNull();
  });
});

describe('the text for Prometheus', () => {
  async function ownFamilies(): Promise<Family[]> {
    const producer = producing();
    producer.reads({ discarded: { repeat: 1 } });
    producer.figures.observation({ ...snapshot('BTCUSDT', 1), verified: null });
    tell(producer, { timestamp_ms: 1, kind: 'connected' });
    return [...(await scrape(producer)).values()].filter(({ name }) => name.startsWith('depthlake_'));
  }

  test('follows the naming rules of promtool: units, _total for counters and for nothing else, no type in a name', async () => {
    const families = await ownFamilies();

    expect(families.length).toBeGreaterThan(25);
    for (const { name, type, help } of families) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*[a-z0-9]$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kib|mib|kilobytes|sec|secs)(_|$)/);
      expect(name).not.toMatch(/(counter|gauge|histogram|summary)/);
      expect(help).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('tells who runs', async () => {
    const { figures } = producing();

    const { body } = await figures.text();

    expect(body).toContain(`depthlake_build_info{version="1.2.3",node="${process.version}"} 1\n`);
    expect(body).toContain(
      'depthlake_session_info{session_id="session-1",venue="binance.us",book="full",stack="test",producer="producer-1"} 1\n',
    );
  });

  test('has the process’s own figures, each registry for itself', async () => {
    const names = [...(await scrape(producing())).keys()];

    expect(names).toEqual(expect.arrayContaining(['process_cpu_seconds_total', 'process_resident_memory_bytes']));
  });
});

test('the vitals follow frames, acceptance, queue and spill', () => {
  const producer = producing();
  const none = { lastFrameMs: null, lastAcceptedMs: null, queuedRows: 0, spillRows: 0, refusingSinceMs: null };
  expect(producer.figures.vitals()).toEqual(none);

  producer.figures.signal({ ...AT, kind: 'message', message: { kind: 'acknowledged' }, text: '' });
  expect(producer.figures.vitals().lastFrameMs).toBeNull();
  const frame = { kind: 'frame', symbol: 'BTCUSDT', lastUpdateId: 1, bids: [], asks: [] } as const;
  producer.figures.signal({ ...AT, kind: 'message', message: frame, text: '' });
  producer.accepts([1_000], 2_000);
  producer.reads({ queuedRows: 3, spillRows: 2, refusingSinceMs: 5 });

  const vitals = { lastFrameMs: 1_000, lastAcceptedMs: 2_000, queuedRows: 3, spillRows: 2, refusingSinceMs: 5 };
  expect(producer.figures.vitals()).toEqual(vitals);
});

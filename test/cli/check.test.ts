import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FeedEventRow } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { depthlakeHere } from './in-process.ts';
import { NOON, put, putRows, putWholeLake, sessionEvents, snapshots, temporaryFolder } from './lake.ts';
import { depthlake } from './process.ts';
import { feedEvent } from './rows.ts';

let lake: string;
beforeEach(() => {
  lake = temporaryFolder();
});

async function checkJson(dir = lake) {
  const { status, stdout, stderr } = await depthlakeHere(['check', dir, '--json']);
  const report = JSON.parse(stdout);
  return { status, stderr, report, verdicts: report.promises.map(({ verdict }: { verdict: string }) => verdict) };
}

describe('depthlake check on a whole lake', () => {
  it('finds every promise kept', async () => {
    putWholeLake(lake);
    const { status, stdout, stderr } = await depthlake(['check', lake]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^order_book +2 +6 +\d+\.\d kB$/m);
    expect(stdout).toMatch(/^feed_event +1 +3 +\d+ B$/m);
    expect(stdout).toMatch(/^s1 +local +stopped +1 +6 +3 +0 +0$/m);
    expect(stdout).toMatch(/^promise 1 {2}kept +every object is one container file that reads: 3 objects$/m);
    expect(stdout).toMatch(/^promise 2 {2}kept +.*: 9 rows$/m);
    expect(stdout).toMatch(/^promise 3 {2}kept +no row is lost: 1 session$/m);
  });

  it('says the same as one JSON object', async () => {
    putWholeLake(lake);
    const { status, report } = await checkJson();
    expect(status).toBe(0);
    expect(report).toMatchObject({
      folder: lake,
      ok: true,
      tables: { order_book: { objects: 2, rows: 6 }, feed_event: { objects: 1, rows: 3 } },
      totals: { rows: 9, duplicates: 0, lost: 0 },
      sessions: [{ sessionId: 's1', stopped: true, symbols: [{ symbol: 'BTCUSDT', firstSeq: 1, lastSeq: 6 }] }],
    });
  });

  it('counts rows delivered twice as duplicates, which break no promise', async () => {
    putWholeLake(lake);
    putRows(lake, 'order_book', 'again', snapshots([2, 3]));
    const { status, report } = await checkJson();
    expect(status).toBe(0);
    expect(report.totals).toMatchObject({ duplicates: 2, lost: 0 });
  });

  it('skips names that begin with _ or ., and whatever lies beside the tables', async () => {
    putWholeLake(lake);
    put(lake, 'orderbook/_manifest.json', '{}');
    put(lake, 'orderbook/year=2026/.part', 'x');
    put(lake, 'orderbook/_tmp/x.avro', 'x');
    put(lake, 'endpoints.json', '{}');
    expect((await checkJson()).verdicts).toEqual(['kept', 'kept', 'kept']);
  });

  it('mentions what lies in the error prefix', async () => {
    putWholeLake(lake);
    put(lake, 'errors/processing-failed/a', '{"rawData":""}\n{"rawData":""}\n');
    put(lake, 'errors/processing-failed/b', '{"rawData":""}');
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toContain('errors/ holds 2 objects with 3 records that could not be transformed');
  });

  it('lets the numbers that a refused event names be absent', async () => {
    putRows(lake, 'order_book', 'a', snapshots([1, 2, 6]));
    const [started, tally, stopped] = sessionEvents(6);
    const detail = '{"first_seq":3,"last_seq":5}';
    const refused = feedEvent({ seq: 3, kind: 'refused', symbol: 'BTCUSDT', last_seq: 5, detail });
    putRows(lake, 'feed_event', 'b', [started!, tally!, refused, { ...stopped!, seq: 4 }]);
    const { status, report } = await checkJson();
    expect(status).toBe(0);
    expect(report.totals).toMatchObject({ lost: 0, excused: 3 });
  });

  it('takes fresh holes of a running session for rows in flight', async () => {
    const now = Date.now();
    const rows = snapshots([1, 3]).map((row) => ({ ...row, timestamp_ms: now, received_ms: now }));
    putRows(lake, 'order_book', 'a', rows);
    putRows(lake, 'feed_event', 'b', [feedEvent({ timestamp_ms: now })]);
    const { status, report } = await checkJson();
    expect(status).toBe(0);
    expect(report.totals).toMatchObject({ lost: 0, inFlight: 1 });
    expect(report.promises[2]).toMatchObject({ verdict: 'kept', detail: '1 session, 1 running, 1 row in flight' });
  });
});

describe('depthlake check on a lake that does not hold the end of a session', () => {
  const said = 'no row is lost: 1 session never stopped: nothing proves its last rows';

  it('says that promise 3 cannot be verified where the session was killed', async () => {
    putRows(lake, 'order_book', 'a', snapshots([1, 2, 3]));
    putRows(lake, 'feed_event', 'b', sessionEvents(3).slice(0, 1));
    const { status, stdout, stderr } = await depthlakeHere(['check', lake]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^s1 +local +open +1 +3 +1 +0 +0$/m);
    expect(stdout).toContain('unknown  session s1 never stopped\n');
    expect(stdout).toMatch(new RegExp(`^promise 3 {2}unverifiable +${said}; 1 session$`, 'm'));
  });

  it('says so where the last files of both tables were removed', async () => {
    const { second, events } = putWholeLake(lake);
    rmSync(path.join(lake, second));
    rmSync(path.join(lake, events));
    putRows(lake, 'feed_event', 'd', sessionEvents(6).slice(0, 2));
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toContain('unknown  session s1 never stopped; announced by a tally and not there: BTCUSDT 3');
    expect(stdout).toContain(`${said}, of which 3 that a tally announced are not there; 1 session`);
  });

  it('says so beside what is lost for certain', async () => {
    putRows(lake, 'order_book', 'a', snapshots([1, 3]));
    putRows(lake, 'feed_event', 'b', sessionEvents(3).slice(0, 1));
    const { status, report } = await checkJson();
    expect(status).toBe(1);
    expect(report.promises[2]).toMatchObject({
      verdict: 'broken',
      detail: '1 row lost, 1 session; 1 session never stopped: nothing proves its last rows',
    });
  });

  it('names a symbol of which nothing but its name arrived', async () => {
    putWholeLake(lake);
    const [started, tally, stopped] = sessionEvents(6);
    const detail = '{"symbols":["BTCUSDT","ETHUSDT"]}';
    putRows(lake, 'feed_event', 'c', [{ ...started!, detail }, tally!, stopped!]);
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toContain('unknown  session s1, ETHUSDT: named at the start, without a row or a tally');
    expect(stdout).toMatch(
      /^promise 3 {2}unverifiable +.*: 1 symbol named at a start and not accounted for; 1 session$/m,
    );
  });
});

describe('depthlake check on a lake with gaps', () => {
  const gap = (session_id: string, seq: number, from: number, to: number, given: Partial<FeedEventRow> = {}) => {
    const times = { timestamp_ms: NOON + to, from_ms: NOON + from, to_ms: NOON + to };
    return feedEvent({ session_id, seq, kind: 'gap', symbol: 'BTCUSDT', ...times, ...given });
  };

  it('says how much of them another session recorded, and keeps every promise', async () => {
    const [started, tally, stopped] = sessionEvents(6);
    const gaps = [gap('s1', 2, 1000, 2500, { missed_updates: 15 }), gap('s1', 3, 4000, 5000)];
    putRows(lake, 'order_book', 'a', snapshots([1, 2, 3, 4, 5, 6]));
    putRows(lake, 'feed_event', 'b', [started!, ...gaps, { ...tally!, seq: 4 }, { ...stopped!, seq: 5 }]);
    putRows(lake, 'order_book', 'c', snapshots([1, 2, 3, 4], { session_id: 's2' }));
    const others = sessionEvents(4).map((event) => ({ ...event, session_id: 's2', timestamp_ms: NOON + 4500 }));
    putRows(lake, 'feed_event', 'd', others);
    const { status, stdout, stderr } = await depthlakeHere(['check', lake]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^gaps in +venue +gaps +ms +ms covered +ms open +updates missed$/m);
    expect(stdout).toMatch(/^BTCUSDT +local +2 +2,500 +2,000 +500 +15 or more$/m);
    expect(stdout).toContain(
      '2 gaps in 1 symbol: 2,000 of 2,500 ms covered by another session, 500 ms recorded by none; 15 or more updates missed\n',
    );
    const { report, verdicts } = await checkJson();
    expect(verdicts).toEqual(['kept', 'kept', 'kept']);
    expect(report.gaps.totals).toEqual({ count: 2, ms: 2500, coveredMs: 2000, missedUpdates: 15, untold: 1 });
    expect(report.gaps.symbols[0].gaps.map((each: { uncovered: object }) => each.uncovered)).toEqual([
      [],
      [{ fromMs: NOON + 4500, toMs: NOON + 5000 }],
    ]);
  });

  it('keeps promise 3 where the gap of the next session names the end of a killed one', async () => {
    putRows(lake, 'order_book', 'a', snapshots([1, 2, 3]));
    putRows(lake, 'feed_event', 'b', sessionEvents(4).slice(0, 2));
    const detail = JSON.stringify({ bounds: 'outer', session_before: 's1' });
    const end = gap('s2', 2, 2000, 70_000, { detail });
    const [started, tally, stopped] = sessionEvents(0).map((event) => ({ ...event, session_id: 's2' }));
    putRows(lake, 'feed_event', 'c', [started!, end, { ...tally!, seq: 3 }, { ...stopped!, seq: 4 }]);
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^s1 +local +killed +1 +3 +2 +0 +0$/m);
    expect(stdout).not.toContain('never stopped');
    expect(stdout).toMatch(
      /^promise 3 {2}kept +no row is lost: 2 sessions, 1 killed, its end named by gaps \(with 1 row that a tally announced\)$/m,
    );
  });

  it('names the symbols whose end no gap names', async () => {
    putRows(lake, 'order_book', 'a', [...snapshots([1, 2]), ...snapshots([1, 2], { symbol: 'ETHUSDT' })]);
    const detail = JSON.stringify({ bounds: 'outer', session_before: 's1' });
    const [started, tally, stopped] = sessionEvents(0).map((event) => ({ ...event, session_id: 's2' }));
    putRows(lake, 'feed_event', 'b', sessionEvents(2).slice(0, 1));
    const end = gap('s2', 2, 2000, 70_000, { detail });
    putRows(lake, 'feed_event', 'c', [started!, end, { ...tally!, seq: 3 }, { ...stopped!, seq: 4 }]);
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toContain('unknown  session s1 never stopped; no later gap names the end of ETHUSDT\n');
    expect(stdout).toMatch(/^promise 3 {2}unverifiable +no row is lost: 1 session never stopped: .*; 2 sessions$/m);
  });

  it('says nothing of gaps in a part of a lake, where the rows of other sessions are not all there', async () => {
    putRows(lake, 'feed_event', 'a', [gap('s1', 1, 1000, 2000)]);
    expect((await checkJson(path.join(lake, 'feed_event'))).report.gaps).toBeNull();
  });
});

describe('depthlake check on a damaged lake', () => {
  let whole: ReturnType<typeof putWholeLake>;
  beforeEach(() => {
    whole = putWholeLake(lake);
  });
  const bytesOf = (key: string) => readFileSync(path.join(lake, key));
  const write = (key: string, bytes: Uint8Array) => writeFileSync(path.join(lake, key), bytes);

  const DAMAGES: [string, () => string, RegExp][] = [
    ['an empty object', () => put(lake, 'orderbook/year=2026/month=09/day=01/hour=12/z.avro', ''), /empty/],
    [
      'a foreign file under a table’s folder',
      () => put(lake, 'feed_event/readme.txt', 'hello'),
      /does not begin with the four bytes of a container file/,
    ],
    [
      'a file cut inside a block',
      () => {
        write(whole.first, bytesOf(whole.first).subarray(0, -20));
        return path.join(lake, whole.first);
      },
      /cut off/,
    ],
    [
      'two container files in one object',
      () => {
        write(whole.first, Buffer.concat([bytesOf(whole.first), bytesOf(whole.first)]));
        return path.join(lake, whole.first);
      },
      /two container files in one object|follow the last row/,
    ],
    [
      'a flipped byte',
      () => {
        const bytes = bytesOf(whole.first);
        bytes[bytes.length - 30]! ^= 0xff;
        write(whole.first, bytes);
        return path.join(lake, whole.first);
      },
      /block 1|the CRC-32 of its schema and rows is/,
    ],
    [
      'a digit flipped in an uncompressed row',
      () => {
        const key = 'feed_event/year=2026/month=09/day=01/hour=12/z.avro';
        const bytes = writeContainerFile('feed_event', [feedEvent({ detail: '{"n":1}' })], 'null');
        bytes[bytes.indexOf('{"n":1}') + 5]! ^= 1;
        return put(lake, key, bytes);
      },
      /the CRC-32 of its schema and rows is/,
    ],
    [
      'rows of the other table',
      () =>
        put(
          lake,
          'orderbook/year=2026/month=09/day=01/hour=12/z.avro',
          writeContainerFile('feed_event', sessionEvents(6), 'null'),
        ),
      /it holds rows of feed_event among those of order_book/,
    ],
  ];

  it.each(DAMAGES)('names %s with the reason, and promise 1 is broken', async (_what, damage, reason) => {
    const file = damage();
    const { status, report, stderr, verdicts } = await checkJson();
    expect(status).toBe(1);
    expect(stderr).toContain('depthlake: DL_CHECK_FAILED: ');
    expect(verdicts[0]).toBe('broken');
    expect(report.ok).toBe(false);
    expect(report.broken.files).toEqual([{ promise: 1, file, reason: expect.stringMatching(reason) }]);
    const { stdout } = await depthlakeHere(['check', lake]);
    expect(stdout).toMatch(new RegExp(`^broken {2}.*${path.basename(file)}: .*(${reason.source})`, 'm'));
  });

  it('names a file in the wrong partition, and promise 2 is broken', async () => {
    const wrong = whole.first.replace('hour=12', 'hour=11');
    put(lake, wrong, '');
    renameSync(path.join(lake, whole.first), path.join(lake, wrong));
    const { status, report, verdicts } = await checkJson();
    expect(status).toBe(1);
    expect(verdicts).toEqual(['kept', 'broken', 'kept']);
    expect(report.broken.files[0]).toMatchObject({ promise: 2, file: path.join(lake, wrong) });
    expect(report.broken.files[0].reason).toBe(
      '3 of 3 rows belong to another hour; the first is row 1 of 2026-09-01T12:00:01.000Z',
    );
  });

  it('names a file of which a single row belongs to another hour', async () => {
    const [row] = snapshots([3600]);
    const key = 'orderbook/year=2026/month=09/day=01/hour=12/z.avro';
    put(lake, key, writeContainerFile('order_book', [...snapshots([6]), row!], 'snappy'));
    const { report, verdicts } = await checkJson();
    expect(verdicts[1]).toBe('broken');
    expect(report.broken.files[0].reason).toContain('1 of 2 rows belong to another hour; the first is row 2');
  });

  it('names a file that lies in no partition', async () => {
    put(lake, 'orderbook/loose.avro', bytesOf(whole.first));
    const { report, verdicts } = await checkJson();
    expect(verdicts.slice(0, 2)).toEqual(['kept', 'broken']);
    expect(report.broken.files[0].reason).toContain('in no partition');
  });

  it('names the numbers of lost rows, and promise 3 is broken', async () => {
    rmSync(path.join(lake, whole.first));
    const { status, stdout, stderr } = await depthlake(['check', lake]);
    expect(status).toBe(1);
    expect(stdout).toContain('incomplete  session s1, BTCUSDT: 3 rows missing, seq 1–3');
    expect(stdout).toMatch(/^promise 3 {2}broken +no row is lost: 3 rows lost, 1 session$/m);
    expect(stderr).toContain('breaks promise 3');
  });

  it('misses the tail of a stopped session', async () => {
    rmSync(path.join(lake, whole.second));
    const { report } = await checkJson();
    expect(report.sessions[0].symbols[0].missing).toEqual([{ first: 4, last: 6 }]);
  });
});

describe('depthlake check on a part of a lake', () => {
  it.each(['orderbook', 'orderbook/year=2026/month=09', 'orderbook/year=2026/month=09/day=01/hour=13'])(
    'verifies promises 1 and 2 of %s and says that 3 cannot be',
    async (part) => {
      putWholeLake(lake);
      const { status, verdicts } = await checkJson(path.join(lake, part));
      expect(status).toBe(0);
      expect(verdicts).toEqual(['kept', 'kept', 'unverifiable']);
    },
  );

  it('still sees a row in the wrong hour', async () => {
    const { first } = putWholeLake(lake);
    put(lake, first.replace('hour=12', 'hour=13'), readFileSync(path.join(lake, first)));
    const { status, verdicts } = await checkJson(path.join(lake, 'orderbook/year=2026/month=09/day=01/hour=13'));
    expect(status).toBe(1);
    expect(verdicts).toEqual(['kept', 'broken', 'unverifiable']);
  });

  it('says that 3 cannot be verified without feed_event/', async () => {
    putRows(lake, 'order_book', 'a', snapshots([1, 5]));
    const { status, stdout } = await depthlakeHere(['check', lake]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^promise 3 {2}unverifiable +no row is lost: feed_event\/ is not there/m);
    expect(stdout).toContain('not here  session s1, BTCUSDT: 3 rows missing, seq 2–4');
  });

  it('reads copied files whose path tells nothing, and says what cannot be verified', async () => {
    put(lake, 'copy.avro', writeContainerFile('order_book', snapshots([7]), 'null'));
    const { status, verdicts } = await checkJson();
    expect(status).toBe(0);
    expect(verdicts).toEqual(['kept', 'unverifiable', 'unverifiable']);
  });
});

describe('depthlake check on what is no lake', () => {
  it.each([
    ['a folder without objects', () => lake, 'DL_LAKE_MISSING'],
    ['a folder that is not there', () => path.join(lake, 'gone'), 'DL_FILE_UNREADABLE'],
    ['a file', () => put(lake, 'file', 'x'), 'DL_FILE_UNREADABLE'],
  ])('%s is one message and status 1', async (_what, dir, code) => {
    const { status, stdout, stderr } = await depthlakeHere(['check', dir()]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`depthlake: ${code}: `);
  });
});

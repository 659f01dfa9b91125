/** `depthlake start` as a process: how it ends, what it leaves, where it listens and writes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depthlake } from '../cli/process.ts';
import { temporaryFolder } from './harness.ts';
import { bySymbol, checkFolder, readLake } from './lake.ts';
import { type EndedPipeline, type PipelineProcess, startPipelineProcess } from './pipeline-process.ts';
import { isAlive, until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['--symbols', 'BTCUSDT,ETHUSDT', '--buffer-seconds', '1'];

/** Rows have been delivered, so there is something before and something in flight. */
async function delivering(folder: string): Promise<void> {
  await until('the first file', () => existsSync(path.join(folder, 'orderbook')), 60_000);
}

async function expectCleanEnd(
  folder: string,
  run: PipelineProcess,
  ended: EndedPipeline,
  reason: string,
): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ status: 0, signal: null });
  const { rows, events } = await readLake(folder);
  expect(ended.summary).toMatchObject({ rows: rows.length + events.length, lost: 0, error_records: 0 });
  expect(ended.summary!.snapshots).toBe(rows.length);
  expect(rows.length).toBeGreaterThan(0);
  expect(events.filter(({ kind }) => kind === 'stopped').map(({ detail }) => detail)).toEqual([
    JSON.stringify({ reason }),
  ]);
  expect(await checkFolder(folder)).toMatchObject({ status: 0, totals: { lost: 0 } });
  expectGone(folder, run);
}

function expectGone(folder: string, { pid, endpoints }: PipelineProcess): void {
  expect([pid, endpoints.producer_pid, endpoints.kinesis_pid].filter(isAlive)).toEqual([]);
  expect(existsSync(path.join(folder, 'endpoints.json'))).toBe(false);
}

describe.concurrent('start flushes everything in flight, prints its summary and leaves nothing running', () => {
  test(
    'on Ctrl-C, which reaches the whole process group; until then it listens on loopback only, and it writes nowhere but into the data folder',
    SLOW,
    async (context) => {
      const home = temporaryFolder(context);
      const [cwd, tmp, folder] = ['cwd', 'tmp', 'data'].map((name) => path.join(home, name));
      mkdirSync(cwd!);
      mkdirSync(tmp!);
      const env = { HOME: home, TMPDIR: tmp! };
      const run = await startPipelineProcess(context, folder!, SYMBOLS, { env, cwd: cwd! });
      await delivering(folder!);

      const { pid, producer_pid, kinesis_pid } = run.endpoints;
      const listening = HAS_PROC ? [pid, producer_pid, kinesis_pid].flatMap(listeners) : null;
      run.interrupt('SIGINT');
      const ended = await run.ended;

      await expectCleanEnd(folder!, run, ended, 'SIGINT');
      // The exchange, Glue, the control of Firehose, Kinesis plain and TLS, the producer's monitor.
      if (listening !== null) expect(listening).toEqual(Array(6).fill('127.0.0.1'));
      expect(readdirSync(home).sort()).toEqual(['cwd', 'data', 'tmp']);
      expect(readdirSync(cwd!)).toEqual([]);
      expect(readdirSync(tmp!)).toEqual([]);
      expect(readdirSync(folder!).sort()).toEqual(['.depthlake', 'catalog.json', 'feed_event', 'orderbook']);
    },
  );

  test('on Ctrl-C before anything was recorded', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const run = await startPipelineProcess(context, folder, SYMBOLS);

    run.interrupt('SIGINT');

    const { status, summary, stderr } = await run.ended;
    expect(status, stderr).toBe(0);
    expect(summary).toMatchObject({ lost: 0, error_records: 0 });
    expectGone(folder, run);
  });

  test(
    'after --duration, which counts from the first frame; it says what runs where, and then nothing below --log-level',
    SLOW,
    async (context) => {
      const folder = temporaryFolder(context);

      const flags = [...SYMBOLS, '--duration', '5s', '--log-level', 'error'];
      const run = await startPipelineProcess(context, folder, flags);

      const ended = await run.ended;
      await expectCleanEnd(folder, run, ended, 'the duration has passed');
      const received = (await readLake(folder)).rows.map((row) => row.received_ms);
      expect(Math.max(...received) - Math.min(...received)).toBeGreaterThan(4_700);
      expect(ended.stderr).toContain('monitor   http://127.0.0.1:');
      expect(ended.stderr).not.toMatch(/^\d\d:\d\d:\d\d /m);
    },
  );

  test(
    'on SIGTERM; a session that record added to it is in the lake as completely as its own',
    SLOW,
    async (context) => {
      const folder = temporaryFolder(context);
      const run = await startPipelineProcess(context, folder, SYMBOLS);
      const flags = ['--venue', 'local', '--data', folder, '--symbols', 'ETHUSDT,SOLUSDT', '--json'];

      const recorded = await depthlake(['record', ...flags, '--duration', '5s']);
      run.kill('SIGTERM');
      const { status, summary, stderr } = await run.ended;

      expect(recorded.status, recorded.stderr).toBe(0);
      expect(status, stderr).toBe(0);
      const second = JSON.parse(recorded.stdout);
      const { rows, events } = await readLake(folder);
      for (const session of [summary!, second]) {
        const symbols = bySymbol(rows, session.session_id);
        expect([...symbols.values()].flat().length).toBe(session.snapshots);
        expect(session.lost).toBe(0);
      }
      expect([...bySymbol(rows, second.session_id).keys()].sort()).toEqual(['ETHUSDT', 'SOLUSDT']);
      const stopped = events.filter(({ kind }) => kind === 'stopped').sort((a, b) => a.timestamp_ms - b.timestamp_ms);
      expect(stopped.map(({ detail }) => JSON.parse(detail!).reason)).toEqual(['the duration has passed', 'SIGTERM']);
      const check = await checkFolder(folder);
      expect(check).toMatchObject({ status: 0, totals: { sessions: 2, lost: 0, unannounced: 0 } });
      expect(check.sessions.map((session) => session.stopped)).toEqual([true, true]);
      expectGone(folder, run);
    },
  );
});

describe('one pipeline at a time has a data folder', () => {
  test('of two that start at once one runs, and the other says so', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const flags = ['start', '--json', '--data', folder, ...SYMBOLS, '--duration', '2s'];

    const both = await Promise.all([depthlake(flags), depthlake(flags)]);

    const [ran, refused] = both.sort((a, b) => a.status! - b.status!);
    expect(ran!.status, ran!.stderr).toBe(0);
    expect(refused!.status).toBe(1);
    expect(refused!.stderr).toContain('DL_ALREADY_RUNNING');
    expect(refused!.stderr).toContain(path.join(folder, '.lock'));
    const check = await checkFolder(folder);
    expect(check).toMatchObject({ status: 0, totals: { sessions: 1, lost: 0 } });
  });

  test('record uses no endpoints of a pipeline that is dead, though its process id lives', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const dead = { pid: process.pid, process_started: 'earlier', kinesis: 'http://127.0.0.1:1' };
    const hosts = { ws: 'ws://127.0.0.1:1', rest: 'http://127.0.0.1:1' };
    writeFileSync(path.join(folder, 'endpoints.json'), JSON.stringify({ ...dead, ...hosts }));

    const { status, stderr } = await depthlake(['record', '--venue', 'local', '--data', folder]);

    expect(status).toBe(2);
    expect(stderr).toContain(`no local exchange runs on the folder ${folder}`);
  });
});

const HAS_PROC = existsSync('/proc/net/tcp');
const LISTEN = '0A';

/** The addresses that a process listens on, from /proc. */
function listeners(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && inodes.has(fields[9]!))
      .map((fields) => addressOf(fields[1]!)),
  );
}

/** `0100007F:1F90` is 127.0.0.1; a longer one is IPv6 and stays as it is. */
function addressOf(local: string): string {
  const hex = local.split(':')[0]!;
  if (hex.length !== 8) return hex;
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

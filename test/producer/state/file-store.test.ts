import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { fileStore } from '../../../producer/state/file-store.ts';
import { isNewer, type SymbolState } from '../../../producer/state/store.ts';

const VENUE = 'binance.us';
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

let folder: string;
let logged: [string, object][];
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'depthlake-state-')), 'state');
  folders.push(path.dirname(folder));
  logged = [];
});

const open = () => fileStore({ folder, log: (_level, event, fields = {}) => logged.push([event, fields]) });
const file = () => path.join(folder, `${VENUE}.json`);
const lock = () => `${file()}.lock`;

function state(symbol: string, receivedMs: number, given: Partial<SymbolState> = {}): SymbolState {
  return { symbol, receivedMs, lastUpdateId: receivedMs * 10, sessionId: 's1', clean: false, ...given };
}

async function held(symbol = 'BTCUSDT'): Promise<SymbolState | undefined> {
  return (await open().load(VENUE, [symbol])).get(symbol);
}

describe('states in a file', () => {
  it('are found again by the next session, of the symbols asked for', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1), state('ETHUSDT', 2, { clean: true }), state('SOLUSDT', 3)]);
    const found = await open().load(VENUE, ['ETHUSDT', 'BTCUSDT', 'XRPUSDT']);
    expect(Object.fromEntries(found)).toEqual({
      BTCUSDT: state('BTCUSDT', 1),
      ETHUSDT: state('ETHUSDT', 2, { clean: true }),
    });
  });

  it('are none before the first was saved, and looking creates no file', async () => {
    expect((await open().load(VENUE, ['BTCUSDT'])).size).toBe(0);
    expect(existsSync(folder)).toBe(false);
  });

  it('are kept a venue apart', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    await open().save('binance.com', [state('BTCUSDT', 2)]);
    expect(await held()).toEqual(state('BTCUSDT', 1));
  });

  it('leave nothing else in the folder', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    expect(readdirSync(folder)).toEqual([`${VENUE}.json`]);
  });

  it.each([
    ['a later one', state('BTCUSDT', 11, { sessionId: 's2' }), true],
    ['an earlier one', state('BTCUSDT', 9, { sessionId: 's2' }), false],
    ['one of the same moment by another session', state('BTCUSDT', 10, { sessionId: 's2', clean: true }), false],
    ['one of the same moment that says clean', state('BTCUSDT', 10, { clean: true }), true],
    ['a later one that says not clean', state('BTCUSDT', 11), true],
  ])('move forward only: %s', async (_what, next, moves) => {
    await open().save(VENUE, [state('BTCUSDT', 10)]);
    await open().save(VENUE, [next]);
    expect(await held()).toEqual(moves ? next : state('BTCUSDT', 10));
  });

  it('do not lose `clean` to the same session’s earlier words', async () => {
    await open().save(VENUE, [state('BTCUSDT', 10, { clean: true })]);
    await open().save(VENUE, [state('BTCUSDT', 10)]);
    expect(await held()).toMatchObject({ clean: true });
  });

  it('are the newest of each symbol, in whatever order producers save them', async () => {
    const any = fc.record({ symbol: fc.constantFrom('BTCUSDT', 'ETHUSDT'), receivedMs: fc.nat(5) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(any, { maxLength: 3 }), { maxLength: 5 }), async (batches) => {
        rmSync(folder, { recursive: true, force: true });
        await Promise.all(
          batches.map((batch) =>
            open().save(
              VENUE,
              batch.map(({ symbol, receivedMs }) => state(symbol, receivedMs)),
            ),
          ),
        );
        for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
          const saved = batches.flat().filter((each) => each.symbol === symbol);
          const newest = saved.length === 0 ? undefined : Math.max(...saved.map(({ receivedMs }) => receivedMs));
          expect((await held(symbol))?.receivedMs).toBe(newest);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('are at most 20,000: those that recorded last longest ago are forgotten', async () => {
    const many = Array.from({ length: 20_001 }, (_, index) => state(`S${index}`, index));
    await open().save(VENUE, many);
    expect(await held('S0')).toBeUndefined();
    expect(await held('S1')).toEqual(state('S1', 1));
    expect(await held('S20000')).toEqual(state('S20000', 20_000));
  });
});

describe('a damaged state file', () => {
  it.each([
    ['is cut off', '{"states":[{"symbol":"BTC'],
    ['is empty', ''],
    ['is null', 'null'],
    ['lists no states', '{"states":{}}'],
    ['lists something else', '{"states":[{"symbol":"BTCUSDT","receivedMs":"1"}]}'],
    ['is larger than any of ours', ' '.repeat(16 * 1024 * 1024 + 1)],
  ])('that %s is set aside, logged, and counts as empty', async (_what, text) => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    writeFileSync(file(), text);
    expect(await held()).toBeUndefined();
    expect(readFileSync(`${file()}.damaged`, 'utf8')).toBe(text);
    expect(logged).toEqual([
      ['state_damaged', expect.objectContaining({ file: file(), set_aside: `${file()}.damaged` })],
    ]);
    await open().save(VENUE, [state('BTCUSDT', 2)]);
    expect(await held()).toEqual(state('BTCUSDT', 2));
  });

  it('does not keep a state from being saved', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    writeFileSync(file(), '{');
    await open().save(VENUE, [state('ETHUSDT', 2)]);
    expect(await held('ETHUSDT')).toEqual(state('ETHUSDT', 2));
    expect(logged.map(([event]) => event)).toEqual(['state_damaged']);
  });

  it('that cannot be read at all is said to be so', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    const store = fileStore({ folder: file(), log: () => {} });
    const refused = { code: 'DL_STATE_UNAVAILABLE', message: expect.stringContaining('cannot be') };
    await expect(store.load(VENUE, ['BTCUSDT'])).rejects.toMatchObject(refused);
    await expect(store.save(VENUE, [state('BTCUSDT', 2)])).rejects.toMatchObject(refused);
  });
});

describe('the lock of a state file', () => {
  const lives = { pid: process.pid, process_started: null };

  it('of a process that died is broken at once', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(lock(), JSON.stringify({ pid: child.pid, process_started: null }));
    await open().save(VENUE, [state('BTCUSDT', 2)]);
    expect(await held()).toEqual(state('BTCUSDT', 2));
    expect(existsSync(lock())).toBe(false);
  });

  it('that its writer never filled is broken after a second', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    writeFileSync(lock(), '');
    const old = Date.now() / 1000 - 2;
    utimesSync(lock(), old, old);
    await open().save(VENUE, [state('BTCUSDT', 2)]);
    expect(await held()).toEqual(state('BTCUSDT', 2));
  });

  it('of a process that lives is waited for 3 s, and then the state is not saved; it can still be read', async () => {
    await open().save(VENUE, [state('BTCUSDT', 1)]);
    const holder = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    try {
      const text = JSON.stringify({ ...lives, pid: holder.pid });
      writeFileSync(lock(), text);
      await expect(open().save(VENUE, [state('BTCUSDT', 2)])).rejects.toMatchObject({
        code: 'DL_STATE_UNAVAILABLE',
        message: expect.stringContaining('another process holds'),
      });
      expect(await held()).toEqual(state('BTCUSDT', 1));
      expect(readFileSync(lock(), 'utf8')).toBe(text);
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('keeps the states of several processes that save at once', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('saver.ts', import.meta.url));
    const processes = ['a', 'b', 'c'].map((name) => {
      const child = spawn(process.execPath, ['--import', 'tsx', script, folder, name], { stdio: 'inherit' });
      return new Promise<number | null>((resolve) => child.once('exit', resolve));
    });
    expect(await Promise.all(processes)).toEqual([0, 0, 0]);
    for (const name of ['a', 'b', 'c']) expect(await held(`OWN-${name}`)).toMatchObject({ receivedMs: 30 });
    expect(await held('SHARED')).toMatchObject({ receivedMs: 30 });
  });
});

describe('a state is newer', () => {
  it('than at most one of two that differ in time or session: none moves another back', () => {
    const any = fc.record({
      symbol: fc.constant('BTCUSDT'),
      receivedMs: fc.nat(3),
      lastUpdateId: fc.nat(3),
      sessionId: fc.constantFrom('a', 'b'),
      clean: fc.boolean(),
    });
    fc.assert(
      fc.property(any, any, (one, other) => {
        expect(isNewer(one, other) && isNewer(other, one)).toBe(false);
        if (isNewer(one, other)) expect(one.receivedMs).toBeGreaterThanOrEqual(other.receivedMs);
      }),
    );
  });
});

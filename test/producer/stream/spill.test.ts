import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SpillEntry } from '../../../producer/stream/spill.ts';
import { settle } from '../virtual-clock.ts';
import { crash, MIB, namesIn, openIn, spillFolder, until } from './spilling.ts';
import { pack } from './writing.ts';

const notHeld = () => false;
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `0/${from + i}`);
const packsNamed = (from: number, to: number, bytes = 16) =>
  Array.from({ length: to - from }, (_, i) => pack(0, from + i, bytes));
const segmentsIn = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.seg'));

describe('a spill', () => {
  test('gives packs back in the order of writing, also those written while it is read', async () => {
    const { spill } = await openIn(spillFolder(), 'a');
    await spill.append(packsNamed(0, 3), notHeld);
    const first = await spill.next();
    await spill.append(packsNamed(3, 5), notHeld);

    expect([first!.pack.data.toString().trim(), ...(await namesIn(spill))]).toEqual(names(0, 5));
    expect([spill.unread, spill.remaining, spill.remainingRows]).toEqual([0, 5, 10]);
  });

  test('does not read back what stays in memory, and keeps it until it is accepted', async () => {
    const folder = spillFolder();
    const { spill } = await openIn(folder, 'a');
    const entries = await spill.append(packsNamed(0, 3), (i) => i === 1);

    expect(await namesIn(spill)).toEqual(['0/0', '0/2']);
    expect(spill.remaining).toBe(3);
    for (const entry of entries) spill.done(entry);
    await until(() => spill.bytes === 0, 'the segment is removed');

    expect([spill.remaining, segmentsIn(folder)]).toEqual([0, []]);
  });

  test('writes segments of at most 8 MiB, and removes each once its packs are accepted', async () => {
    const folder = spillFolder();
    const { spill } = await openIn(folder, 'a');
    const entries: SpillEntry[] = [];
    for (let i = 0; i < 40; i++) entries.push(...(await spill.append([pack(0, i, 500_000)], notHeld)));

    const sizes = segmentsIn(folder).map((name) => readFileSync(path.join(folder, name)).length);
    expect(sizes).toHaveLength(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * MIB);
    expect(sizes.reduce((a, b) => a + b)).toBe(spill.bytes);
    expect(await namesIn(spill)).toEqual(names(0, 40));
    for (const entry of entries.slice(0, 20)) spill.done(entry);
    await until(() => segmentsIn(folder).length === 2, 'the first segment is removed');
  });

  test('that is closed keeps what is accepted later: whoever uploads it may be reading', async () => {
    const folder = spillFolder();
    const { spill } = await openIn(folder, 'a');
    const entries = await spill.append(packsNamed(0, 2), () => true);
    await spill.close();

    for (const entry of entries) spill.done(entry);
    await spill.close();

    expect([spill.remaining, spill.segments.length, segmentsIn(folder).length]).toEqual([2, 1, 1]);
  });

  test('takes in one append what one write takes, and says which', async () => {
    const { spill } = await openIn(spillFolder(), 'a');

    const entries = await spill.append(packsNamed(0, 10, 300 * 1024), notHeld);

    expect(entries).toHaveLength(3);
    expect(await namesIn(spill)).toEqual(names(0, 3));
  });

  test('refuses at its bound, those of other sessions counted, and takes packs again once an eighth is free', async () => {
    const folder = spillFolder();
    const other = await openIn(folder, 'other');
    await other.spill.append([pack(0, 0, 200_000)], notHeld);
    const { spill } = await openIn(folder, 'a', { boundBytes: MIB });
    const taken: SpillEntry[][] = [];
    const fill = async () => {
      for (;;) taken.push(await spill.append([pack(0, taken.length, 100_000)], notHeld));
    };
    await expect(fill()).rejects.toThrow('the bound of 1048576 bytes is reached');
    expect(taken).toHaveLength(8);

    spill.done(taken[0]![0]!);
    await until(() => segmentsIn(folder).length === 8, 'one is removed');
    await expect(spill.append([pack(0, 8, 100_000)], notHeld)).rejects.toThrow('bound');
    spill.done(taken[1]![0]!);
    await until(() => segmentsIn(folder).length === 7, 'another is removed');
    expect(await spill.append([pack(0, 8, 100_000)], notHeld)).toHaveLength(1);
  });
});

describe('the next session', () => {
  test('offers first what a crashed one left, and not what Kinesis had accepted of it', async () => {
    const folder = spillFolder();
    const { spill: before } = await openIn(folder, 'before');
    const marks = (receivedMs: number) => [{ symbol: 'BTCUSDT', receivedMs, lastUpdateId: 7, seq: receivedMs }];
    const left = packsNamed(0, 5).map((given, i) => ({ ...given, marks: marks(i) }));
    const entries = await before.append(left, notHeld);
    before.done(entries[0]!);
    before.done(entries[2]!);
    await until(() => existsSync(path.join(folder, 'before/1.done')), 'what is done is noted');
    crash(folder, 'before');

    const { spill, recovered } = await openIn(folder, 'after');
    await spill.append(packsNamed(5, 6), notHeld);

    expect(recovered).toEqual({ packs: 3, rows: 6, marks: [{ ...marks(4)[0], sessionId: 'before' }] });
    const first = await spill.next();
    expect(first).toMatchObject({ recovered: true, pack: { ...left[1], data: left[1]!.data } });
    expect(await namesIn(spill)).toEqual(['0/3', '0/4', '0/5']);
    expect(readdirSync(folder)).toEqual(['after']);
  });

  test('takes over what crashed sessions had taken over, the earliest first', async () => {
    const folder = spillFolder();
    for (const [i, session] of ['a', 'b', 'c'].entries()) {
      const { spill } = await openIn(folder, session);
      await spill.append(packsNamed(i, i + 1), notHeld);
      await new Promise((resolve) => setTimeout(resolve, 20));
      crash(folder, session);
    }

    const { spill, recovered } = await openIn(folder, 'd');

    expect(recovered.packs).toBe(3);
    expect(await namesIn(spill)).toEqual(names(0, 3));
    expect(readdirSync(folder)).toEqual(['d']);
  });

  test('leaves a running one alone, and takes what a finished one gave up', async () => {
    const folder = spillFolder();
    const running = await openIn(folder, 'running');
    await running.spill.append(packsNamed(0, 1), notHeld);
    const finished = await openIn(folder, 'finished');
    await finished.spill.append(packsNamed(1, 2), notHeld);
    await finished.spill.close();
    await finished.spill.release();
    const empty = await openIn(folder, 'empty');
    await empty.spill.close();
    await empty.spill.release();

    const { spill } = await openIn(folder, 'after');

    expect(await namesIn(spill)).toEqual(['0/1']);
    expect(readdirSync(folder).sort()).toEqual(['after', 'running']);
  });

  test('of several that start at once, one has each pack', async () => {
    const folder = spillFolder();
    for (const session of ['a', 'b', 'c']) {
      const { spill } = await openIn(folder, session);
      await spill.append(packsNamed(0, 4), notHeld);
      crash(folder, session);
    }

    const starters = await Promise.all(['x', 'y', 'z'].map((session) => openIn(folder, session)));

    expect(starters.reduce((sum, { recovered }) => sum + recovered.packs, 0)).toBe(12);
  });

  test('counts what is damaged, and sends the rest', async () => {
    const folder = spillFolder();
    const { spill: before } = await openIn(folder, 'before');
    const entries = await before.append(packsNamed(0, 4), notHeld);
    const file = path.join(folder, 'before/1.seg');
    const bytes = readFileSync(file);
    bytes[entries[1]!.offset + 30]! ^= 1;
    writeFileSync(file, bytes);
    truncateSync(file, bytes.length - 1);
    crash(folder, 'before');

    const { spill, recovered } = await openIn(folder, 'after');

    expect(recovered).toMatchObject({ packs: 2, rows: 4 });
    expect(await namesIn(spill)).toEqual(['0/0', '0/2']);
    const damagedBytes = entries[2]!.offset - entries[1]!.offset + bytes.length - 1 - entries[3]!.offset;
    expect(spill.takeDamage()).toEqual({ entries: 2, bytes: damagedBytes });
    expect([spill.takeDamage(), spill.damagedEntries]).toEqual([null, 2]);
  });

  test('sends again what a damaged list of accepted packs no longer names, and nothing else is left out', async () => {
    const folder = spillFolder();
    const { spill: before } = await openIn(folder, 'before');
    const entries = await before.append(packsNamed(0, 4), notHeld);
    before.done(entries[0]!);
    before.done(entries[1]!);
    const list = path.join(folder, 'before/1.done');
    await until(() => existsSync(list) && readFileSync(list).length === 16, 'both are noted');
    const bytes = readFileSync(list);
    bytes.writeUInt32LE(entries[3]!.offset, 8);
    writeFileSync(list, bytes);
    crash(folder, 'before');

    const { spill } = await openIn(folder, 'after');

    expect(await namesIn(spill)).toEqual(['0/1', '0/2', '0/3']);
  });
});

describe('a disk that fails', () => {
  test('is told as the reason, and is used again once it works', async () => {
    const folder = spillFolder();
    const { spill } = await openIn(folder, 'a');
    rmSync(path.join(folder, 'a'), { recursive: true });
    await expect(spill.append(packsNamed(0, 1), notHeld)).rejects.toThrow('ENOENT');
    expect([spill.bytes, spill.unread, spill.remaining]).toEqual([0, 0, 0]);

    mkdirSync(path.join(folder, 'a'));
    await spill.append(packsNamed(0, 2), notHeld);

    expect(await namesIn(spill)).toEqual(names(0, 2));
  });

  test('costs the packs of a segment that cannot be read three times over, and no other', async () => {
    const folder = spillFolder();
    const { spill } = await openIn(folder, 'a');
    await spill.append(packsNamed(0, 2), notHeld);
    expect(await spill.next()).not.toBe(null);
    await spill.append(packsNamed(2, 4), notHeld);
    rmSync(path.join(folder, 'a/2.seg'));

    expect(await namesIn(spill)).toEqual(['0/1']);
    expect([await spill.next(), await spill.next()]).toEqual([null, null]);
    await spill.append(packsNamed(4, 5), notHeld);
    await settle();

    expect(await namesIn(spill)).toEqual(['0/4']);
    expect(spill.takeDamage()).toMatchObject({ entries: 2 });
  });

  test('is refused at the start, with what can be done', async () => {
    const folder = spillFolder();
    writeFileSync(path.join(folder, 'file'), '');
    chmodSync(path.join(folder, 'file'), 0o600);

    await expect(openIn(path.join(folder, 'file'), 'a')).rejects.toMatchObject({ code: 'DL_SPILL_FOLDER' });
  });
});

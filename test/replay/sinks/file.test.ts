import { appendFile, open, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { openFileSink } from '../../../infra/replay/sinks/file.ts';
import { lineFormat } from '../../../infra/replay/sinks/line-format.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Json } from '../../../producer/replay/sink.ts';
import { temporaryFolder } from '../../cli/lake.ts';
import { bookRow } from '../../producer/samples.ts';

const JSONL = lineFormat('jsonl', new Set(['order_book', 'feed_event']));
const CSV = lineFormat('csv', new Set(['order_book']));

/** So many rows, from a number on. */
function rowsFrom(seq: number, count: number): TableRow[] {
  return Array.from({ length: count }, (_, index) => bookRow('BTCUSDT', seq + index, 1_000 + seq + index));
}

const fresh = { format: JSONL, state: null, overwrite: false };

/** What a reader sees, compressed or not. */
async function textOf(file: string): Promise<string> {
  const bytes = await readFile(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

describe('a file', () => {
  it('is created with the folders above it, and holds every row by the end', async () => {
    const file = path.join(temporaryFolder(), 'a/b/rows.jsonl');
    const sink = await openFileSink({ ...fresh, path: file });
    await sink.write(rowsFrom(1, 3));
    await sink.write(rowsFrom(4, 2));
    const { writes, state } = await sink.end();
    await sink.close();

    expect(await textOf(file)).toBe(JSONL.lines(rowsFrom(1, 5)));
    expect({ writes, state }).toEqual({ writes: 2, state: { bytes: (await stat(file)).size } });
  });

  it('shows each batch at once to whoever follows it', async () => {
    const file = path.join(temporaryFolder(), 'rows.csv');
    const sink = await openFileSink({ ...fresh, path: file, format: CSV });
    await sink.write(rowsFrom(1, 2));

    expect(await textOf(file)).toBe(CSV.head + CSV.lines(rowsFrom(1, 2)));
    await sink.close();
  });

  it('of CSV has its header also where no row comes', async () => {
    const file = path.join(temporaryFolder(), 'rows.csv');
    await (await openFileSink({ ...fresh, path: file, format: CSV })).end();

    expect(await textOf(file)).toBe(CSV.head);
  });

  it('of CSV is empty before its first row, so that a replay which is killed before its first checkpoint can begin again', async () => {
    const file = path.join(temporaryFolder(), 'rows.csv');
    const killed = await openFileSink({ ...fresh, path: file, format: CSV });
    expect(await killed.accepted()).toEqual({ writes: 0, state: { bytes: 0 } });
    await killed.close();
    const again = await openFileSink({ ...fresh, path: file, format: CSV });
    await again.write(rowsFrom(1, 2));
    await again.end();

    expect(await textOf(file)).toBe(CSV.head + CSV.lines(rowsFrom(1, 2)));
  });

  it('is made lasting before it says what it has accepted, and not again where nothing came', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl');
    const probe = await open(file, 'w');
    const datasync = vi.spyOn(Object.getPrototypeOf(probe), 'datasync');
    await probe.close();
    const sink = await openFileSink({ ...fresh, path: file });
    await sink.write(rowsFrom(1, 2));
    for (const _ of [1, 2]) await sink.accepted();
    expect(datasync).toHaveBeenCalledTimes(1);
    await sink.write(rowsFrom(3, 1));
    await sink.end();
    expect(datasync).toHaveBeenCalledTimes(2);
    datasync.mockRestore();
  });

  it('that has something in it stays as it is, without --overwrite', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl');
    await writeFile(file, 'precious');

    await expect(openFileSink({ ...fresh, path: file })).rejects.toMatchObject({
      code: 'DL_SINK_EXISTS',
      message: `${file} is there already, with 8 bytes`,
    });
    expect(await textOf(file)).toBe('precious');
  });

  it('is replaced with --overwrite', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl');
    await writeFile(file, 'x'.repeat(100_000));
    const sink = await openFileSink({ ...fresh, path: file, overwrite: true });
    await sink.write(rowsFrom(1, 1));
    await sink.end();

    expect(await textOf(file)).toBe(JSONL.lines(rowsFrom(1, 1)));
  });

  it('that an earlier failure left empty is no obstacle', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl');
    await (await openFileSink({ ...fresh, path: file })).close();
    await (await openFileSink({ ...fresh, path: file })).end();

    expect(await textOf(file)).toBe('');
  });

  it('may be a device, which keeps nothing', async () => {
    const sink = await openFileSink({ ...fresh, path: '/dev/null' });
    await sink.write(rowsFrom(1, 2));

    expect(await sink.end()).toMatchObject({ writes: 1 });
  });

  it('whose folder cannot be is named', async () => {
    const folder = temporaryFolder();
    await writeFile(path.join(folder, 'file'), '');
    const below = path.join(folder, 'file/rows.jsonl');

    await expect(openFileSink({ ...fresh, path: below })).rejects.toMatchObject({
      code: 'DL_OUTPUT_FAILED',
      message: expect.stringContaining(below),
    });
    await expect(openFileSink({ ...fresh, path: folder })).rejects.toMatchObject({ code: 'DL_OUTPUT_FAILED' });
  });

  it.each(['rows.jsonl', 'rows.jsonl.gz'])('on a full disk: %s ends with DL_DISK_FULL and its name', async (name) => {
    const file = path.join(temporaryFolder(), name);
    await symlink('/dev/full', file);
    const sink = await openFileSink({ ...fresh, path: file });
    const writing = async () => {
      await sink.write(rowsFrom(1, 10));
      await sink.accepted();
    };

    await expect(writing()).rejects.toMatchObject({
      code: 'DL_DISK_FULL',
      message: expect.stringContaining(file),
    });
    await sink.close();
  });
});

describe('a file that ends in .gz', () => {
  it('is compressed as it grows, and what is accepted reads', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl.gz');
    const sink = await openFileSink({ ...fresh, path: file });
    await sink.write(rowsFrom(1, 1000));
    const early = (await stat(file)).size;
    await sink.write(rowsFrom(1001, 10));
    const { writes } = await sink.accepted();
    const text = await textOf(file);
    await sink.close();

    expect(early).toBeGreaterThan(0);
    expect(writes).toBe(2);
    expect(text).toBe(JSONL.lines(rowsFrom(1, 1010)));
    expect((await stat(file)).size).toBeLessThan(text.length / 5);
  });

  it('gathers small batches: a member of its own for each would be larger than the rows', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl.gz');
    const sink = await openFileSink({ ...fresh, path: file });
    for (let seq = 1; seq <= 400; seq += 1) await sink.write(rowsFrom(seq, 1));
    await sink.end();

    expect((await stat(file)).size).toBeLessThan(JSONL.lines(rowsFrom(1, 400)).length / 5);
    expect(await textOf(file)).toBe(JSONL.lines(rowsFrom(1, 400)));
  });
});

describe('a replay that was killed', () => {
  const name = fc.constantFrom('rows.jsonl', 'rows.csv', 'rows.jsonl.gz', 'rows.csv.gz');
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('write'), rows: fc.integer({ min: 0, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('accept') }) },
    // Of what followed the checkpoint a part reached the disk, and then something that is no row.
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('kill'),
        kept: fc.double({ min: 0, max: 1, noNaN: true }),
        garbage: fc.string({ maxLength: 20 }),
      }),
    },
  );

  it('goes on to the file that it would have been, wherever it was killed', async () => {
    const folder = temporaryFolder();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(name, fc.array(step, { maxLength: 12 }), async (file, steps) => {
        run += 1;
        const target = path.join(folder, String(run), file);
        const format = file.startsWith('rows.csv') ? CSV : JSONL;
        const open = (state: Json) => openFileSink({ path: target, format, state, overwrite: false });
        let sink = await open(null);
        let checkpoint = { rows: 0, ...(await sink.accepted()) };
        let rows = 0;
        for (const step of steps) {
          if (step.kind === 'write') {
            await sink.write(rowsFrom(rows + 1, step.rows));
            rows += step.rows;
          } else if (step.kind === 'accept') {
            checkpoint = { rows, ...(await sink.accepted()) };
          } else {
            await sink.close();
            const { bytes } = checkpoint.state as { bytes: number };
            await truncate(target, Math.ceil(bytes + ((await stat(target)).size - bytes) * step.kept));
            await appendFile(target, step.garbage);
            sink = await open(checkpoint.state);
            rows = checkpoint.rows;
          }
        }
        await sink.end();

        expect(await textOf(target)).toBe(format.head + format.lines(rowsFrom(1, rows)));
      }),
      { numRuns: 25 },
    );
  });

  it('is refused where the file has become shorter than its checkpoint says, or is gone', async () => {
    const file = path.join(temporaryFolder(), 'rows.jsonl');
    const state = { bytes: 9 };
    const opening = () => openFileSink({ ...fresh, path: file, state, overwrite: true });

    await expect(opening()).rejects.toMatchObject({
      code: 'DL_CHECKPOINT_INVALID',
      message: `${file} is not there, and its checkpoint was written at 9`,
    });
    await writeFile(file, '12345678');
    await expect(opening()).rejects.toMatchObject({
      code: 'DL_CHECKPOINT_INVALID',
      message: `${file} has 8 bytes, and its checkpoint was written at 9`,
    });
    expect(await textOf(file)).toBe('12345678');
  });

  it.each([{}, { bytes: -1 }, { bytes: 1.5 }, { bytes: '3' }, 3, 'x'])(
    'is refused where its checkpoint is of another sink: %j',
    async (state) => {
      const file = path.join(temporaryFolder(), 'rows.jsonl');
      await writeFile(file, '12345678');

      await expect(openFileSink({ ...fresh, path: file, state })).rejects.toMatchObject({
        code: 'DL_CHECKPOINT_INVALID',
      });
      expect(await textOf(file)).toBe('12345678');
    },
  );
});

import { NEVER, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { decodePack } from '../../producer/record.ts';
import type { PutOutcome } from '../../producer/stream/lanes.ts';
import type { Pack } from '../../producer/stream/packs.ts';
import { randomFrame, running } from './running.ts';
import { settle } from './virtual-clock.ts';

describe('a stream that does not answer', () => {
  /** Sends random frames for ten minutes' worth of a 1 MiB queue. */
  async function fill({ clock, receive }: ReturnType<typeof running>, frames: number): Promise<void> {
    for (let id = 1; id <= frames; id++) {
      receive(randomFrame('BTCUSDT', id).text);
      if (id % 10 === 0) await clock.advance(100);
    }
  }

  test('makes the queue refuse the newest at its bound; the numbers refused are named once it answers', async () => {
    const waiting: (() => void)[] = [];
    const stream: Pack[] = [];
    let answering = false;
    const put = (packs: readonly Pack[]) =>
      new Promise<PutOutcome[]>((resolve) => {
        const answer = () => {
          stream.push(...packs);
          resolve(packs.map(() => null));
        };
        if (answering) answer();
        else waiting.push(answer);
      });
    const session = running({ queueMib: 1, rawLevels: true }, { put });
    await settle();
    await fill(session, 3_000);

    answering = true;
    for (const answer of waiting) answer();
    await session.clock.advance(5_000);
    const heldBytes = stream.reduce((sum, { data }) => sum + data.length, 0);
    session.receive(randomFrame('BTCUSDT', 3_001).text);
    session.stop.next('end');
    const result = await session.summary;

    const rows = stream.flatMap(({ data }) => decodePack(data));
    const numbers = rows.flatMap(({ table, row }) => (table === 'order_book' ? [row.seq] : []));
    const refused = rows.flatMap(({ row }) =>
      'kind' in row && row.kind === 'refused' ? [JSON.parse(row.detail!)] : [],
    );
    // A pack that closes is compressed and makes some room again, but the queue takes rows only when an eighth is free.
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(3);
    const named = refused.flatMap(({ first_seq, last_seq }) =>
      Array.from({ length: last_seq - first_seq + 1 }, (_, i) => first_seq + i),
    );
    const all = [...numbers, ...named].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 3_001 }, (_, i) => i + 1));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.at(-1)).toBe(3_001);
    expect(result).toMatchObject({ frames: 3_001, lost: 0, discarded: { queue_full: named.length } });
    // The bound, and the pack that was open when it was reached.
    expect(heldBytes).toBeLessThan(1024 * 1024 + 300 * 1024);
    expect(heldBytes).toBeGreaterThan(512 * 1024);
  });

  test('for ever ends the session at the deadline, its rows counted as lost', async () => {
    const session = running({ queueMib: 1, rawLevels: true }, { put: () => new Promise(() => {}) });
    await settle();
    await fill(session, 3_000);
    const { clock, stop, summary, progress } = session;

    stop.next('end');
    await clock.advance(20_000);
    const result = await summary;

    expect(result.rows).toBe(0);
    // Beside the snapshots: started, connected, some refusals, three tallies, stopped.
    expect(result.lost - result.snapshots).toBeGreaterThanOrEqual(7);
    expect(result.lost - result.snapshots).toBeLessThan(50);
    expect(result.snapshots + result.discarded.queue_full!).toBe(3_000);
    expect(progress.at(-1)!.queuedRows).toBe(result.lost);
  });

  test('does not keep a failure from being told', async () => {
    const connect = () => throwError(() => new Error('refused'));
    const session = running({}, { put: () => new Promise(() => {}), stop: NEVER, connect });
    await settle();
    await session.clock.advance(20_000);

    await expect(session.summary).rejects.toThrow('refused');
  });
});

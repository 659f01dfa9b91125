import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { PutPacks } from '../../../producer/stream/lanes.ts';
import type { Pack } from '../../../producer/stream/packs.ts';
import { writeTo } from '../../../producer/stream/write-to.ts';
import { pack, throttle, writing } from './writing.ts';

const acceptAll: PutPacks = async (packs) => packs.map(() => null);
describe('the end of a session', () => {
  function ending(put: PutPacks) {
    const written = writing(put);
    const packs = new Subject<Pack>();
    let completedAt: number | null = null;
    packs.pipe(writeTo(written.writer, 20_000, written.clock)).subscribe({
      complete: () => {
        completedAt = written.clock.now();
      },
    });
    return { ...written, packs, completedAt: () => completedAt };
  }

  test('comes as soon as Kinesis accepted everything', async () => {
    let refusals = 3;
    const { clock, packs, completedAt, writer } = ending(async (sent) =>
      sent.map(() => (refusals-- > 0 ? throttle : null)),
    );
    packs.next(pack(0, 0));
    packs.next(pack(0, 1));

    packs.complete();
    expect(completedAt()).toBe(null);
    await clock.advance(60_000);

    expect(completedAt()).toBe(700);
    expect(writer.queuedRows).toBe(0);
  });

  test('comes at once where nothing is queued', () => {
    const { packs, completedAt } = ending(acceptAll);

    packs.complete();

    expect(completedAt()).toBe(0);
  });

  test('comes at the deadline with the rest unsent and counted, and nothing is sent after it', async () => {
    let calls = 0;
    const { clock, packs, completedAt, writer } = ending(async (sent) => {
      calls += 1;
      return sent.map(() => throttle);
    });
    packs.next(pack(0, 0));
    packs.next(pack(1, 0));
    await clock.advance(1_000);

    packs.complete();
    await clock.advance(19_999);
    expect(completedAt()).toBe(null);
    await clock.advance(1);
    const before = calls;
    await clock.advance(60_000);

    expect(completedAt()).toBe(21_000);
    expect(writer.queuedRows).toBe(4);
    expect(calls).toBe(before);
  });
});

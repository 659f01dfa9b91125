import { describe, expect, it } from 'vitest';
import { whileMoving } from '../../infra/local/stall.ts';
import { FakeClock, settle } from './firehose-harness.ts';

const STALLED_MS = 75_000;

describe('the wait for a drain', () => {
  it('goes on for as long as something moves', async () => {
    const clock = new FakeClock();
    let finish = () => {};
    const drain = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let ended = false;
    void whileMoving(drain, () => String(clock.now()), STALLED_MS, clock).then(() => {
      ended = true;
    });
    await clock.advance(10 * STALLED_MS);
    expect(ended).toBe(false);
    finish();
    await settle();
    expect(ended).toBe(true);
  });

  it('ends when nothing has moved for the time given', async () => {
    const clock = new FakeClock();
    const waited = expect(whileMoving(new Promise(() => {}), () => 'same', STALLED_MS, clock)).rejects.toMatchObject({
      code: 'DL_KINESIS_UNREACHABLE',
      message: 'nothing of the stream was read or delivered for 75 s',
    });
    await clock.advance(STALLED_MS);
    await waited;
  });

  it('ends with what the drain throws', async () => {
    const drain = Promise.reject(new Error('the disk is full'));
    await expect(whileMoving(drain, () => 'same', STALLED_MS, new FakeClock())).rejects.toThrow('the disk is full');
  });
});

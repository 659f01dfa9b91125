/** Ten and a half minutes of chaos, drawn from a seed (`CHAOS_SEED`): three and a half in each book mode. */
import { describe, expect, test } from 'vitest';
import { Audit } from '../../infra/audit.ts';
import { BOOK_MODES } from '../../producer/config.ts';
import { feedChaos } from './feed-chaos.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? 20_260_903);
const MINUTES = 3.5;

describe.each(BOOK_MODES)(`${MINUTES} minutes of chaos in book mode %s, seed ${SEED}`, (mode) => {
  test('what the exchange published is a row or an event, once, and what is verified is true', {
    timeout: 600_000,
  }, async (context) => {
    const { audit, lake, kills, failure } = await feedChaos(context, { mode, seed: SEED, seconds: MINUTES * 60 });
    expect(audit.problems.slice(0, 20)).toEqual([]);
    expect(failure).toBeNull();
    expect(kills).toBeGreaterThan(3);
    expect(audit.published).toBeGreaterThan(4_000);
    expect(audit.recorded).toBeGreaterThan(2_000);
    expect(audit.absent.gap).toBeGreaterThan(50);
    if (mode !== 'depth20') expect(audit.verified).toBeGreaterThan(1_000);
    if (mode === 'full') expect(audit.coveredLevels).toBeGreaterThan(3 * audit.verified);

    const seqs = new Audit();
    seqs.add('order_book', lake.rows);
    seqs.add('feed_event', lake.events);
    expect(seqs.result(Number.POSITIVE_INFINITY).totals).toMatchObject({
      sessions: kills + 1,
      lost: 0,
      unannounced: 0,
    });
  });
});

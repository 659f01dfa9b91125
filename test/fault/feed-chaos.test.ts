import { expect, test } from 'vitest';
import { feedChaos } from './feed-chaos.ts';

test('half a minute of chaos: what the exchange published is a row or an event, once, and what is verified is true', {
  timeout: 150_000,
}, async (context) => {
  const { audit, failure, kills } = await feedChaos(context, { mode: 'full', seed: 20_260_902, seconds: 30 });
  expect(audit.problems.slice(0, 20)).toEqual([]);
  expect(failure).toBeNull();
  expect(kills).toBeGreaterThan(0);
  expect(audit.absent.gap).toBeGreaterThan(10);
  expect(audit.verified).toBeGreaterThan(150);
  expect(audit.coveredLevels).toBeGreaterThan(3 * audit.verified);
});

import { test } from 'vitest';
import { expectHandOver } from './hand-over.ts';

// The book witness takes the frames of depth20 and the diffs of full; each alone is in `hand-over.long.test.ts`.
test('witness: a hand-over by age, at serverShutdown and with connections that lag loses and doubles nothing', {
  timeout: 120_000,
}, async (context) => {
  await expectHandOver('witness', context);
});

import { test } from 'vitest';
import { expectExactGap } from './restarts.ts';

test('full: a restart in order leaves a gap exactly between the last row and the first', {
  timeout: 300_000,
}, async (context) => {
  await expectExactGap('full', context);
});

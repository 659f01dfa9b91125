import { test } from 'vitest';
import { expectOutageBridged } from './outage.ts';

// Calls that fail and entries that are refused, and a kill meanwhile: `outage.long.test.ts`.
test('Kinesis hangs for ten seconds: nothing is lost, each symbol stays in order, and the lake tells when and how much', {
  timeout: 120_000,
}, async (context) => {
  await expectOutageBridged({ hangCalls: 1 }, context);
});

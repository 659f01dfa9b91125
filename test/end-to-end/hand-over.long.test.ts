import { test } from 'vitest';
import { expectHandOver } from './hand-over.ts';

test.for(['depth20', 'full'] as const)(
  '%s: a hand-over by age, at serverShutdown and with connections that lag loses and doubles nothing',
  { timeout: 300_000 },
  expectHandOver,
);

/** A session whose connections are replaced for every reason that there is, held against what the exchange published. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import type { BookMode } from '../../producer/config.ts';
import { quiet } from '../fault/assess.ts';
import { auditFeed } from '../fault/feed-audit.ts';
import { Oracle } from '../fault/oracle.ts';
import { startFaultyPipeline } from './harness.ts';
import { checkFolder, readLake } from './lake.ts';
import { until } from './wait.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'QTUMUSDT'];
/** Each new connection is late by a time of its own, up to this. */
const LAG_MS = 600;

/** By age, at serverShutdown, and with connections that lag: nothing of the feed is lost or doubled. */
export async function expectHandOver(mode: BookMode, context: TestContext): Promise<void> {
  const oracle = new Oracle();
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 51,
    exchange: { lagMs: LAG_MS },
    market: { weightAMinute: 100_000, rules: { lifeMs: 12_000 }, onPublished, onSent },
    flags: [`--book=${mode}`, '--hand-over=3s', '--linger=500ms'],
  });
  oracle.begin(pipeline.exchange);
  const handedOver = (reason: string) =>
    pipeline.producer().logged.filter(({ event, fields }) => event === 'handed_over' && fields['reason'] === reason);
  await until('two connections were replaced for their age', () => handedOver('life').length >= 2);
  pipeline.exchange.shutdownNotice(5_000);
  await until('one was replaced at a notice', () => handedOver('shutdown_notice').length >= 1);
  await until('and another for its age', () => handedOver('life').length >= 4);
  const untilMs = Date.now() - LAG_MS;
  await sleep(500);
  await quiet(pipeline);
  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const lake = await readLake(pipeline.folder);
  const audit = auditFeed({ mode, oracle, lake, symbols: SYMBOLS, untilMs });
  expect(audit.problems).toEqual([]);
  expect(audit.absent).toEqual({});
  expect(audit.published).toBeGreaterThan(200);
  expect(audit.recorded).toBe(audit.published);
  expect(audit.copies).toBe(0);
  const kinds = lake.events.map(({ kind }) => kind);
  expect(kinds.filter((kind) => ['gap', 'disconnected', 'book_lost', 'ids_restarted'].includes(kind))).toEqual([]);
  expect(kinds.filter((kind) => kind === 'handed_over').length).toBeGreaterThanOrEqual(5);
  expect(summary.discarded['repeat']).toBeGreaterThan(0);
  expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
}

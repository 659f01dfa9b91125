/** `depthlake replay`: a stream, a lake or container files again, in order, at any speed, into a sink. */
import { DepthlakeError } from '../../producer/errors.ts';
import { collectInTime } from '../../producer/heap-growth.ts';
import type { Checkpoint, CheckpointStore } from '../../producer/replay/checkpoint.ts';
import type { Counts, ReplaySummary } from '../../producer/replay/counts.ts';
import type { Problem } from '../../producer/replay/source.ts';
import type { OpenSink } from '../replay/open-sink.ts';
import type { OpenSource } from '../replay/open-source.ts';
import { type Context, defineCommand } from './command.ts';
import type { ReplayPlan } from './replay-plan.ts';
import { SETTINGS } from './replay-settings.ts';

type ReplayContext = Context<typeof SETTINGS>;

/** As shells report a process that a signal ended. */
const SIGNAL_STATUS: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

const PROGRESS_MS = 200;

export const command = defineCommand({
  name: 'replay',
  summary: 'Read a stream, a lake or container files again, in order, at any speed, into a sink',
  argument: { name: '[file...]', help: 'further container files, beside the one of --from' },
  settings: SETTINGS,
  examples: [
    "replay --from data --start -2h --symbols 'BTC*' --to books.csv",
    'replay --from kinesis:depthlake --start 2026-11-22T12:00Z --end 2026-11-22T13:00Z --to avro:again --checkpoint again.checkpoint',
    'replay --from s3://BUCKET --speed 10 --to ws:9443   # any Binance client, pointed at recorded data',
    'replay --local --from kinesis:depthlake --start -1h --to firehose:depthlake-backfill   # into the lake again',
  ],
  flushes: true,
  run: replay,
});

async function replay(context: ReplayContext): Promise<number> {
  collectInTime();
  const { values, stderr, signal } = context;
  const { idOf, planOf } = await import('./replay-plan.ts');
  const plan = planOf(values, context.arguments);
  const store = await storeOf(values.checkpoint);
  const last = await readLast(store, plan);
  if (last !== null && isComplete(last)) {
    await stderr.line(`${values.checkpoint} says that this replay is complete; nothing is left to do`);
    if (values.json) return report(context, plan, await summaryOfWhole(last));
    await requireWhole(last.counts);
    return 0;
  }
  const log = (line: string) => void stderr.line(line).catch(() => {});
  const { localServices, standardServices } = await import('../replay/services.ts');
  const services = values.local ? await localServices(values.data, context.env) : standardServices(context.env);

  const { openSource } = await import('../replay/open-source.ts');
  const { openSink } = await import('../replay/open-sink.ts');
  const { lateMs, follow, fanOut, codec, lanes, partitions, overwrite, speed } = values;
  const opened: { close(): void }[] = [];
  try {
    const source = await openSource(plan.from, services, { start: plan.streamStart, lateMs, follow, fanOut, log });
    opened.push(source);
    const sink = await openSink(plan.to, {
      ...{ services, codec, lanes, overwrite, signal, log },
      stdout: context.stdout,
      format: plan.format,
      tables: plan.selection.tables,
      symbols: values.symbols,
      wants: plan.selection.symbol,
      partitionQuota: partitions,
      unpaced: speed === 'max',
      id: idOf(plan, last),
      state: last?.sink ?? null,
    });
    opened.push(sink);
    const summary = await run(context, plan, source, sink, store === null ? null : { store, last });
    return await report(context, plan, summary);
  } finally {
    for (const each of opened.reverse()) each.close();
  }
}

async function storeOf(file: string | undefined): Promise<CheckpointStore | null> {
  if (file === undefined) return null;
  const { checkpointFile } = await import('../replay/checkpoint-file.ts');
  return checkpointFile(file);
}

async function readLast(store: CheckpointStore | null, { fingerprint }: ReplayPlan): Promise<Checkpoint | null> {
  if (store === null) return null;
  const { readCheckpoint } = await import('../../producer/replay/checkpoint.ts');
  return readCheckpoint(store, fingerprint);
}

/** One without an end goes on with what has come since. */
function isComplete({ done, to_ms }: Checkpoint): boolean {
  return done && to_ms !== null;
}

async function run(
  context: ReplayContext,
  plan: ReplayPlan,
  { source }: OpenSource,
  { sink, from }: OpenSink,
  checkpoint: { readonly store: CheckpointStore; readonly last: Checkpoint | null } | null,
): Promise<ReplaySummary> {
  const { values, stderr, terminal, signal } = context;
  const { runReplay } = await import('../../producer/replay/replay.ts');
  const { REPLAY_CLOCK } = await import('../replay/clock.ts');
  const { windowMs, keepDuplicates, speed, strict, follow } = values;
  const status = terminal.interactive ? await statusOf(plan) : null;
  let shownAt = Number.NEGATIVE_INFINITY;
  const told = (problem: Problem) =>
    void stderr.line(`left out: ${problem.code} ${problem.where}: ${problem.message}`).catch(() => {});
  try {
    return await runReplay({
      ...{ sink, windowMs, keepDuplicates, speed, strict, signal },
      source: from(source),
      selection: plan.selection,
      oneRowPerBook: plan.oneRowPerBook,
      clock: REPLAY_CLOCK,
      checkpoint: checkpoint === null ? null : { ...checkpoint, replay: plan.fingerprint },
      onProgress: (progress) => {
        const nowMs = REPLAY_CLOCK.now();
        if (status === null || nowMs - shownAt < PROGRESS_MS) return;
        shownAt = nowMs;
        terminal.status(status.text(progress, nowMs));
      },
      // The others are listed at the end, which a replay that follows may never see.
      ...(follow ? { onProblem: told } : {}),
    });
  } finally {
    terminal.clear();
  }
}

async function statusOf({ selection: { fromMs, toMs }, from }: ReplayPlan) {
  const { ReplayStatus } = await import('./replay-progress.ts');
  const tipMs = from.kind === 'kinesis' ? Date.now() : null;
  return new ReplayStatus({
    fromMs: Number.isFinite(fromMs) ? fromMs : null,
    toMs: Number.isFinite(toMs) ? toMs : tipMs,
  });
}

/** @throws DL_REPLAY_INCOMPLETE where something was left out */
async function report(context: ReplayContext, plan: ReplayPlan, summary: ReplaySummary): Promise<number> {
  const { values, stdout, stderr, signal } = context;
  const { replayText } = await import('./replay-report.ts');
  const out = plan.to.kind === 'stdout' ? stderr : stdout;
  const { from, to } = plan.fingerprint;
  await out.line(values.json ? JSON.stringify({ from, to, ...summary }) : replayText(summary, values.windowMs));
  if (!summary.done && signal.reason !== 'SIGPIPE') {
    const how = values.checkpoint === undefined ? '' : '; the same command goes on from here';
    await stderr.line(`stopped by ${signal.reason} before the end${how}`);
  }
  await requireWhole(summary);
  return summary.done || values.follow ? 0 : (SIGNAL_STATUS[String(signal.reason)] ?? 0);
}

/** @throws DL_REPLAY_INCOMPLETE where something was left out */
async function requireWhole({ problems }: Counts): Promise<void> {
  if (problems.count === 0) return;
  const { problemsText } = await import('./replay-report.ts');
  throw new DepthlakeError('DL_REPLAY_INCOMPLETE', problemsText(problems));
}

async function summaryOfWhole({ counts, seen }: Checkpoint): Promise<ReplaySummary> {
  const { Completeness } = await import('../../producer/replay/completeness.ts');
  const { summaryOf } = await import('../../producer/replay/counts.ts');
  return summaryOf(counts, new Completeness(seen), { seconds: 0, resumed: true, done: true });
}

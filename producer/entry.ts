/**
 * The producer as a process of its own: `node dist/producer/index.mjs`, settings from flags and environment.
 *
 * Logs are JSON lines on stderr, the summary is one JSON object on stdout. SIGTERM or SIGINT flush and end with 0; a
 * second one ends at once. With an IPC channel it reports its progress there, takes `{stop: reason}` from there, and ends
 * when the other side is gone.
 */
import { parseArgs } from 'node:util';
import { ReplaySubject, take } from 'rxjs';
import { FEED_SETTINGS, MONITOR_SETTINGS, readSettings, STREAM_SETTINGS } from './config.ts';
import { DurationLimit } from './duration-limit.ts';
import { DepthlakeError, reasonOf } from './errors.ts';
import { jsonLog } from './log.ts';
import { LineWriter } from './monitor/line-writer.ts';
import { runService } from './service.ts';

// The SDK's advice about Node versions would be a line on stderr that is no JSON.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const SETTINGS = { ...FEED_SETTINGS, ...STREAM_SETTINGS, ...MONITOR_SETTINGS };

const lines = new LineWriter();
let log = jsonLog(lines.write, Date.now);
const stop = new ReplaySubject<string>(1);

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(130);
    stopping = true;
    stop.next(signal);
  });
}
process.on('message', (message: { stop?: unknown }) => {
  if (typeof message.stop === 'string') stop.next(message.stop);
});
// Whoever holds the channel runs the stream as well: nothing is left to flush into.
process.on('disconnect', () => process.exit(1));
// A fault of ours, rejections too: what was in memory is lost, and the next session's gaps name it.
process.on('uncaughtException', (thrown) => {
  fail(thrown);
  process.exit();
});

try {
  const config = readSettings(SETTINGS, flagsOf(process.argv.slice(2)), process.env);
  const limit = new DurationLimit(config.durationMs, (reason) => stop.next(reason));
  log = jsonLog(lines.write, Date.now, config.logLevel);
  const summary = await runService({
    config,
    log,
    writeLine: lines.write,
    linesDropped: () => lines.dropped,
    stop: stop.pipe(take(1)),
    progress: (progress) => {
      limit.report(progress.frames);
      if (process.connected) process.send?.(progress);
    },
  });
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (summary.lost > 0) throw new DepthlakeError('DL_NOT_FLUSHED', `${summary.lost} rows were not accepted in time`);
  leave(0);
} catch (thrown) {
  fail(thrown);
}

function fail(thrown: unknown): void {
  const error = thrown instanceof DepthlakeError ? thrown : new DepthlakeError('DL_INTERNAL', reasonOf(thrown));
  log('error', 'failed', { code: error.code, message: error.message, remedy: error.remedy });
  leave(error.exit);
}

/** Exit once the log and stdout are written; sockets that linger do not hold the process. */
function leave(status: number): void {
  process.exitCode = status;
  lines.close();
  process.stdout.write('', () => process.exit());
}

function flagsOf(args: string[]): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    Object.values(SETTINGS).map((setting) => [
      setting.flag,
      { type: 'argument' in setting ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ args, options, strict: true });
    return Object.fromEntries(
      Object.entries(SETTINGS).map(([name, { flag }]) => [name, values[flag] as string | boolean | undefined]),
    );
  } catch (cause) {
    throw new DepthlakeError('DL_USAGE', reasonOf(cause), { cause });
  }
}

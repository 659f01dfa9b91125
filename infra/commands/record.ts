/** `depthlake record`: the producer alone, against any Kinesis endpoint, the way it runs in the cloud. */
import { join } from 'node:path';
import { ReplaySubject, take } from 'rxjs';
import { FEED_SETTINGS, MONITOR_SETTINGS, STREAM_SETTINGS } from '../../producer/config.ts';
import { DurationLimit } from '../../producer/duration-limit.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { ProducerProgress, ProducerSummary } from '../../producer/summary.ts';
import { formatBytes, formatCount, plural } from '../terminal.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';
import { dataSetting } from './data-setting.ts';
import { eventsText, verifiedText } from './events-text.ts';
import { humanLog } from './human-log.ts';
import { Rates } from './rates.ts';

const settings = {
  ...FEED_SETTINGS,
  ...STREAM_SETTINGS,
  ...MONITOR_SETTINGS,
  json: jsonSetting('Print the summary as one JSON object on stdout'),
  data: dataSetting('Where venue local finds the exchange and the Kinesis of a running `depthlake start`'),
};

export const command = defineCommand({
  name: 'record',
  summary: 'Record order books into a Kinesis stream: the producer alone',
  settings,
  examples: [
    'record --symbols BTCUSDT,ETHUSDT --stream depthlake',
    'record --symbols all --book full --shard 1/4',
    'record --venue binance.com --every 1s --raw-levels --duration 10m --json',
    'record --venue local   # into the pipeline that `depthlake start` runs',
  ],
  flushes: true,
  run: record,
});

async function record(context: Context<typeof settings>): Promise<number> {
  const { values, stdout, stderr, terminal, signal } = context;
  const log = humanLog(stderr, Date.now, values.logLevel);
  const stop = new ReplaySubject<string>(1);
  signal.addEventListener('abort', () => stop.next(String(signal.reason)));
  if (signal.aborted) return 0;

  const config = await withLocalPipeline(values, context.env);
  const limit = new DurationLimit(values.durationMs, (reason) => stop.next(reason));
  stop.pipe(take(1)).subscribe((reason) => log('info', 'stopping', { reason }));
  const rates = new Rates();
  const { runService } = await import('../../producer/service.ts');
  const summary = await runService({
    config,
    log,
    stop,
    // A line that cannot be written changes nothing about the recording.
    writeLine: (line) => void stderr.write(line).catch(() => {}),
    progress: (progress) => {
      limit.report(progress.frames);
      terminal.status(statusOf(progress, rates));
    },
  }).finally(() => limit.close());
  terminal.clear();
  if (summary.symbols === 0) await stderr.line('Stopped before the session began; nothing was recorded.');
  if (values.json || summary.symbols > 0)
    await stdout.line(values.json ? JSON.stringify(summary) : summaryText(summary));
  if (summary.lost > 0) {
    throw new DepthlakeError('DL_NOT_FLUSHED', `${plural(summary.lost, 'row')} were not accepted in time`);
  }
  return 0;
}

/** Venue local without hosts means the pipeline that runs on this machine: its exchange, and its Kinesis unless one is set. */
async function withLocalPipeline(values: Context<typeof settings>['values'], env: Context<typeof settings>['env']) {
  if (values.venue !== 'local' || values.wsUrl !== undefined || values.restUrl !== undefined) return values;
  const { readEndpoints, WORK_FOLDER } = await import('../local/endpoints.ts');
  const endpoints = await readEndpoints(values.data);
  if (endpoints?.ws == null || endpoints.rest == null) {
    throw new DepthlakeError(
      'DL_SETTINGS',
      `no local exchange runs on the folder ${values.data}: run \`depthlake start\` first, or give --ws-url and --rest-url`,
    );
  }
  if (env['AWS_ENDPOINT_URL_KINESIS'] === undefined && env['AWS_ENDPOINT_URL'] === undefined) {
    const { LOCAL_AWS_ENVIRONMENT } = await import('../local/environment.ts');
    Object.assign(process.env, LOCAL_AWS_ENVIRONMENT, { AWS_ENDPOINT_URL_KINESIS: endpoints.kinesis });
  }
  // Producers of one pipeline share what outlives a session: each knows by it what the others recorded.
  const work = values.work === STREAM_SETTINGS.work.default ? join(values.data, WORK_FOLDER) : values.work;
  return { ...values, work, wsUrl: new URL(endpoints.ws), restUrl: new URL(endpoints.rest) };
}

function statusOf(progress: ProducerProgress, rates: Rates): string {
  return [
    `${rates.perSecond(progress.snapshots, Date.now())} snapshots/s`,
    `lag ${progress.lagMs === null ? '–' : `${progress.lagMs} ms`}`,
    plural(progress.packs, 'pack'),
    `${plural(progress.rows, 'row')} accepted`,
    `${formatCount(progress.queuedRows)} queued`,
    ...(progress.spilledRows > 0 ? [`${formatCount(progress.spilledRows)} on disk`] : []),
  ].join(' · ');
}

function summaryText(summary: ProducerSummary): string {
  const discarded = Object.entries(summary.discarded).map(([reason, n]) => `${formatCount(n)} ${reason}`);
  return [
    `session    ${summary.session_id} of ${summary.venue}, ${summary.seconds.toFixed(1)} s`,
    `received   ${plural(summary.frames, 'frame')}, ${plural(summary.snapshots, 'snapshot')}${verifiedText(summary)}`,
    `discarded  ${discarded.length === 0 ? 'nothing' : discarded.join(', ')}`,
    `accepted   ${plural(summary.rows, 'row')} in ${plural(summary.packs, 'pack')}, ${formatBytes(summary.bytes)}`,
    ...(summary.spilled > 0 ? [`on disk    ${plural(summary.spilled, 'row')}, for the next session`] : []),
    `events     ${eventsText(summary.events)}`,
    `lost       ${plural(summary.lost, 'row')}`,
  ].join('\n');
}

/** The producer with real parts: sockets, clock, Kinesis. What `depthlake record` and the deployed task both run. */
import { randomUUID } from 'node:crypto';
import { asyncScheduler, type Observable } from 'rxjs';
import type { FeedConfig, StreamConfig } from './config.ts';
import { DepthlakeError } from './errors.ts';
import { HOSTS, type VenueHosts } from './feed/binance.ts';
import { connection } from './feed/connection.ts';
import { checkSymbols } from './feed/rest.ts';
import type { Log } from './log.ts';
import { type ProducerProgress, type ProducerSummary, runProducer } from './main.ts';
import { checkStream, createKinesisClient, putPacks } from './stream/kinesis.ts';

export interface ServiceOptions {
  readonly config: FeedConfig & StreamConfig;
  readonly log: Log;
  readonly stop: Observable<string>;
  readonly progress?: (progress: ProducerProgress) => void;
}

/** Records until `stop`; the Kinesis endpoint, region and credentials come from the standard AWS variables. */
export async function runService({ config, log, stop, progress }: ServiceOptions): Promise<ProducerSummary> {
  const hosts = hostsOf(config);
  const client = createKinesisClient();
  try {
    return await runProducer(
      { ...config, wsUrl: hosts.wsUrl },
      {
        connect: (url) => connection(url, asyncScheduler),
        prepare: async () => {
          await checkStream(client, config.stream);
          await checkSymbols(hosts.restUrl, config.symbols, fetch);
        },
        put: putPacks(client, config.stream),
        scheduler: asyncScheduler,
        random: Math.random,
        sessionId: randomUUID(),
        log,
        stop,
        ...(progress && { progress }),
      },
    );
  } finally {
    client.destroy();
  }
}

function hostsOf({ venue, wsUrl, restUrl }: FeedConfig): VenueHosts {
  const own = venue === 'local' ? null : HOSTS[venue];
  const hosts = { wsUrl: wsUrl?.href ?? own?.wsUrl, restUrl: restUrl?.href ?? own?.restUrl };
  if (hosts.wsUrl === undefined || hosts.restUrl === undefined) {
    throw new DepthlakeError(
      'DL_SETTINGS',
      'venue local has no hosts of its own: give --ws-url and --rest-url of a local exchange, or run `depthlake start`',
    );
  }
  return { wsUrl: hosts.wsUrl, restUrl: hosts.restUrl };
}

/** Bad input of `start` and `record`: one message with its code and what to do, the right exit status, in good time. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Exchange, startExchange } from '../../infra/local/exchange.ts';
import { type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { ERRORS, type ErrorCode } from '../../producer/errors.ts';
import { depthlake, type Ended } from '../cli/process.ts';
import { temporaryFolder } from '../end-to-end/harness.ts';

const SLOW = { timeout: 60_000 };
/** A failure is told within this time, on a machine that is busy with other tests. */
const TOLD_WITHIN_MS = 20_000;
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: 'us-east-1' };
/** The discard port: nobody listens there. */
const NOBODY = '127.0.0.1:9';

let exchange: Exchange;
let refusing: Exchange;
let kinesis: LocalKinesis;

beforeAll(async () => {
  exchange = await startExchange({ symbols: ['BTCUSDT'], retired: ['OLDUSDT'] });
  refusing = await startExchange({ symbols: ['BTCUSDT'] });
  kinesis = await startKinesis({ streams: [{ name: 'depthlake', shards: 1 }], log: () => {} });
});

afterAll(async () => {
  await Promise.all([exchange?.close(), refusing?.close(), kinesis?.stop()]);
});

const record = async (args: readonly string[], env: Record<string, string> = {}) => {
  const beganAt = Date.now();
  const surroundings = { ...CREDENTIALS, AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint, ...env };
  const run = await depthlake(['record', ...args], { env: surroundings });
  return { ...run, ms: Date.now() - beganAt };
};

const start = async (args: readonly string[]) => {
  const beganAt = Date.now();
  const run = await depthlake(['start', ...args]);
  return { ...run, ms: Date.now() - beganAt };
};

/** One message with the code, its remedy and these words; no stack trace; in time. */
function expectFailure(run: Ended & { ms: number }, code: ErrorCode, ...words: string[]): void {
  const lines = run.stderr.trimEnd().split('\n');
  const messages = lines.filter((line) => line.startsWith('depthlake: '));
  expect(messages, run.stderr).toHaveLength(1);
  expect(messages[0]).toMatch(new RegExp(`^depthlake: ${code}: .`));
  for (const word of words) expect(run.stderr).toContain(word);
  expect(lines.at(-1)).toBe(`  what to do: ${ERRORS[code].remedy}`);
  expect(run.stderr + run.stdout).not.toMatch(/^\s+at .*(:\d+:\d+|node:)/m);
  expect(run.status).toBe(ERRORS[code].exit);
  expect(run.ms).toBeLessThan(TOLD_WITHIN_MS);
}

function hosts(ws: string, rest: string): string[] {
  return ['--venue', 'local', '--ws-url', ws, '--rest-url', rest];
}

describe('settings', () => {
  test.each(['start', 'record'])('%s: an unknown option is named', SLOW, async (command) => {
    const beganAt = Date.now();
    const run = await depthlake([command, '--speeed', '3']);

    expectFailure({ ...run, ms: Date.now() - beganAt }, 'DL_USAGE', '--speeed');
  });

  test.each(['start', 'record'])(
    '%s: several bad values are named at once, with what is allowed',
    SLOW,
    async (command) => {
      const beganAt = Date.now();
      const bad = ['--venue', 'kraken', '--every', '5', '--lanes', '0', '--symbols', 'BTC/USD'];
      const run = await depthlake([command, ...bad], { env: { DEPTHLAKE_LINGER: 'soon' } });

      const allowed = [
        'binance.us, binance.com, local',
        '250ms',
        '1 to 1024',
        'BTCUSDT,ETHUSDT',
        'DEPTHLAKE_LINGER=soon',
      ];
      expectFailure({ ...run, ms: Date.now() - beganAt }, 'DL_SETTINGS', ...bad, ...allowed);
    },
  );

  test('start: settings that contradict each other are named at once', SLOW, async () => {
    const run = await start(['--play', 'x.gz', '--venue', 'binance.us', '--ws-url', 'ws://host']);
    const half = await start(['--speed', '3', '--ws-url', 'ws://host']);

    expectFailure(run, 'DL_SETTINGS', '--play is for venue local, not for binance.us', 'name two exchanges');
    expectFailure(half, 'DL_SETTINGS', '--speed is for --play', '--ws-url and --rest-url together');
  });

  test('record with venue local, hosts not given and no pipeline on the folder', SLOW, async (context) => {
    const run = await record(['--venue', 'local', '--data', temporaryFolder(context)]);

    expectFailure(run, 'DL_SETTINGS', 'depthlake start');
  });
});

describe('the venue', () => {
  test('start: symbols that it does not list are named', SLOW, async (context) => {
    const folder = temporaryFolder(context);

    expectFailure(
      await start(['--data', folder, '--symbols', 'BTCUSDT,NOSUCHUSDT']),
      'DL_SYMBOL_UNKNOWN',
      'NOSUCHUSDT',
    );
  });

  test('record: symbols that it does not list, and no others that trade, are named', SLOW, async () => {
    const run = await record([...hosts(exchange.wsUrl, exchange.restUrl), '--symbols', 'NOSUCHUSDT,OLDUSDT']);

    expectFailure(run, 'DL_SYMBOL_UNKNOWN', 'does not list NOSUCHUSDT', 'does not trade OLDUSDT (status BREAK)');
  });

  test('start: hosts given with venue local are used, and no exchange is simulated', SLOW, async (context) => {
    const flags = hosts(`ws://${NOBODY}`, `http://${NOBODY}`);

    expectFailure(await start([...flags, '--data', temporaryFolder(context)]), 'DL_VENUE_UNREACHABLE', NOBODY);
  });

  test('record: a host that cannot be reached, for REST or for the socket', SLOW, async () => {
    const rest = await record(hosts(exchange.wsUrl, `http://${NOBODY}`));
    const socket = await record(hosts(`ws://${NOBODY}`, exchange.restUrl));

    expectFailure(rest, 'DL_VENUE_UNREACHABLE', NOBODY);
    expectFailure(socket, 'DL_VENUE_UNREACHABLE', NOBODY);
  });

  test('record: a host name that does not resolve', SLOW, async () => {
    const run = await record(hosts('ws://no-such-host.invalid', 'http://no-such-host.invalid'));

    expectFailure(run, 'DL_VENUE_UNREACHABLE', 'no-such-host.invalid');
  });

  test.each([
    [403, 'REST'],
    [451, 'the upgrade'],
    [429, 'the upgrade'],
  ])('record: HTTP %i, at %s', SLOW, async (status, where) => {
    refusing.faults.refuseWith = status;
    const rest = where === 'REST' ? refusing.restUrl : exchange.restUrl;

    const run = await record(hosts(refusing.wsUrl, rest));

    expectFailure(run, 'DL_VENUE_REFUSED', `HTTP ${status}`);
  });
});

describe('the data folder', () => {
  test('one that cannot be written to', SLOW, async (context) => {
    const file = path.join(temporaryFolder(context), 'a-file');
    writeFileSync(file, '');

    expectFailure(await start(['--data', path.join(file, 'data')]), 'DL_DATA_FOLDER', file);
  });
});

describe('a port that is in use', () => {
  let holder: Server;
  let port: number;
  beforeAll(async () => {
    holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    port = (holder.address() as { port: number }).port;
  });
  afterAll(() => void holder.close());

  test.for(['--exchange-port', '--kinesis-port'])('%s', SLOW, async (flag, context) => {
    const run = await start(['--data', temporaryFolder(context), flag, String(port)]);

    expectFailure(run, 'DL_PORT_IN_USE', String(port));
  });
});

describe('a recording', () => {
  test('that does not exist', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const run = await start(['--data', folder, '--play', path.join(folder, 'none.gz')]);

    expectFailure(run, 'DL_FILE_UNREADABLE', 'none.gz');
  });

  test('that is none: the line is named', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const file = path.join(folder, 'garbage.txt');
    writeFileSync(file, '1617643092429947900 {"stream":"btcusdt@depth20@100ms","data":{}}\nthis is no recording\n');

    expectFailure(await start(['--data', folder, '--play', file]), 'DL_RECORDING_INVALID', 'line 2');
  });
});

describe('Kinesis', () => {
  test('a stream that does not exist: the message says how to create it', SLOW, async () => {
    const run = await record([...hosts(exchange.wsUrl, exchange.restUrl), '--stream', 'none-such']);

    expectFailure(run, 'DL_STREAM_MISSING', '"none-such"', 'aws kinesis create-stream');
  });

  test('an endpoint that cannot be reached', SLOW, async () => {
    const run = await record(hosts(exchange.wsUrl, exchange.restUrl), { AWS_ENDPOINT_URL_KINESIS: `http://${NOBODY}` });

    expectFailure(run, 'DL_KINESIS_UNREACHABLE');
  });
});

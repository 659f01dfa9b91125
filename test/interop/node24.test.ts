/**
 * What is deployed under Node 24, the runtime that it is deployed to: the built transformer and the built producer, which
 * all other tests run under the Node of the tests. DEPTHLAKE_NODE24 names the binary.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleEvent } from '../../infra/commands/firehose-event.ts';
import { builtFile } from '../../infra/commands/package.ts';
import { LOCAL_AWS_ENVIRONMENT } from '../../infra/local/environment.ts';
import { type Exchange, startExchange } from '../../infra/local/exchange.ts';
import { type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseResponse } from '../../transformer/firehose-event.ts';
import { type Ended, ended } from '../cli/process.ts';
import { readStream } from '../end-to-end/stream.ts';

const NODE24 = process.env['DEPTHLAKE_NODE24'] ?? '';
const absent = NODE24 === '' ? lacking() : null;

function lacking(): string {
  const message = 'no DEPTHLAKE_NODE24';
  if (process.env['DEPTHLAKE_INTEROP'] === 'required') throw new Error(message);
  console.warn(`tests under Node 24 are skipped: ${message}`);
  return message;
}

/** Nothing of the surroundings but what is given. */
function start(node: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(node, args, { env: { PATH: process.env['PATH'], ...env } }) as ChildProcessWithoutNullStreams;
}

/** Takes an event from stdin as Lambda hands it over, and writes behind the handler's own lines what it answers. */
const INVOKE = `
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { handler } = await import(process.argv[1]);
  const response = await handler(JSON.parse(Buffer.concat(chunks)));
  process.stdout.write(JSON.stringify({ node: process.versions.node, parameters: handler.length, response }) + '\\n');
`;

async function invoke(node: string) {
  const child = start(node, ['--input-type=module', '--eval', INVOKE, `file://${builtFile('transformer')}`], {
    DEPTHLAKE_STACK: 'prod',
  });
  const { status, stdout, stderr } = await ended(child, JSON.stringify(exampleEvent()));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { node: version, parameters, response } = lines.pop();
  return { version, parameters, lines, answers: answersOf(response) };
}

/** With each file as it reads: its bytes hold a marker that is random. */
function answersOf({ records }: FirehoseResponse) {
  return records.map(({ data, result, ...rest }) => {
    if (result !== 'Ok') return { ...rest, result, data };
    const { table, codec, rows } = readContainerFile(Buffer.from(data!, 'base64'));
    return { ...rest, result, file: { table, codec, rows } };
  });
}

describe.skipIf(absent !== null)('under Node 24, the transformer', () => {
  let here: Awaited<ReturnType<typeof invoke>>;
  let there: Awaited<ReturnType<typeof invoke>>;
  beforeAll(async () => {
    [here, there] = await Promise.all([invoke(process.execPath), invoke(NODE24)]);
  });

  it('answers the example event as under this Node', () => {
    expect(there.version).toMatch(/^24\./);
    expect(there.answers).toEqual(here.answers);
    expect(there.answers.map(({ result }) => result)).toEqual(['Ok', 'Ok', 'ProcessingFailed']);
  });

  it('has a handler with one parameter: with a third the runtime refuses it', () => {
    expect(there.parameters).toBe(1);
  });

  it('writes the record that it refused and its figures, each as a line of JSON, and nothing else', () => {
    expect(there.lines).toMatchObject([
      { event: 'record_refused' },
      { event: 'figures', stack: 'prod', TransformedRows: 3 },
    ]);
    expect(there.lines).toHaveLength(2);
  });
});

describe.skipIf(absent !== null)('under Node 24, the producer', () => {
  let folder: string;
  let exchange: Exchange;
  let kinesis: LocalKinesis;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'depthlake-node24-'));
    exchange = await startExchange({ symbols: ['BTCUSDT', 'ETHUSDT'] });
    kinesis = await startKinesis({ streams: [{ name: 'depthlake', shards: 1 }], log: () => {} });
  });
  afterAll(async () => {
    await exchange?.close();
    await kinesis?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const record = (flags: Readonly<Record<string, string>>): Promise<Ended> => {
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const env = { ...LOCAL_AWS_ENVIRONMENT, AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint };
    return ended(start(NODE24, [builtFile('producer'), ...args], env));
  };

  it('refuses wrong settings with one line of JSON', async () => {
    const { status, stdout, stderr } = await record({ every: 'never', lanes: '-1' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'error', code: 'DL_SETTINGS' });
  });

  it('records from the local exchange: every row that it counts is in the stream', async () => {
    const { status, stdout, stderr } = await record({
      venue: 'local',
      'ws-url': exchange.wsUrl,
      'rest-url': exchange.restUrl,
      symbols: 'BTCUSDT,ETHUSDT',
      book: 'full',
      stream: 'depthlake',
      work: folder,
      monitor: 'off',
      duration: '2s',
    });
    const errors = stderr
      .trim()
      .split('\n')
      .filter((line) => JSON.parse(line).level === 'error');
    expect({ status, errors }).toEqual({ status: 0, errors: [] });
    const rows = (await readStream(kinesis.endpoint, 'depthlake')).flat();
    expect(rows.filter(({ table }) => table === 'order_book').length).toBeGreaterThan(5);
    expect(JSON.parse(stdout)).toMatchObject({ rows: rows.length, lost: 0 });
  });
});

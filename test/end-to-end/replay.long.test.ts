/** The built `depthlake replay`, killed at random moments of its whole way, into each kind of file and from each kind of source. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../infra/local/exchange/random.ts';
import { startPipelineProcess } from './pipeline-process.ts';
import { RANGE, writeRecordedLake } from './recorded-lake.ts';
import { inOrder, killWhen, linesOf, replayed, rowsOf, startReplay } from './replays.ts';
import { readStream } from './stream.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 300_000 };
const KILLS = 12;
/** A random moment each time; a failure names the seed. */
const SEED = Date.now();
const random = new Random(String(SEED));

const root = mkdtempSync(path.join(tmpdir(), 'depthlake-replay-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string) => path.join(root, name);

/** Kills the command again and again, so long after it began its work, then lets it end. */
async function killedAgainAndAgain(args: readonly string[], checkpoint: string, withinMs: number): Promise<void> {
  const begun = [...args, '--checkpoint', at(checkpoint)];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const run = startReplay(begun);
    await killWhen(run, 'SIGKILL', () => existsSync(at(checkpoint)), random.below(withinMs));
    await run.ended;
  }
  await replayed(begun);
}

describe(`from a lake, seed ${SEED}`, () => {
  const lake = at('lake');
  const from = ['--from', lake, ...RANGE];
  /** Ten minutes of event time in twelve times as long as a kill waits at most. */
  const SLOWLY = ['--speed', '30'];

  beforeAll(async () => {
    writeRecordedLake(lake, 600);
    await replayed([...from, '--to', at('whole.jsonl')]);
    await replayed([...from, '--to', at('whole.csv')]);
  }, 120_000);

  test.each(['jsonl', 'csv', 'jsonl.gz'])('to %s: byte for byte what one run writes', SLOW, async (extension) => {
    const file = at(`killed.${extension}`);
    await killedAgainAndAgain([...from, '--to', file, ...SLOWLY], `${extension}.checkpoint`, 2_000);

    const isGzip = extension.endsWith('.gz');
    const killed = isGzip ? gunzipSync(readFileSync(file)) : readFileSync(file);
    expect(killed.equals(readFileSync(at(`whole.${extension.replace('.gz', '')}`)))).toBe(true);
  });

  test('to container files: each row of the lake once', SLOW, async () => {
    await killedAgainAndAgain([...from, '--to', `avro:${at('avro')}`, ...SLOWLY], 'avro.checkpoint', 2_000);

    const rows = (await rowsOf(at('avro'))).toSorted((a, b) => a.row.timestamp_ms - b.row.timestamp_ms);
    const expected = inOrder(await rowsOf(lake));
    expect(rows.length).toBe(expected.length);
    expect(inOrder(rows)).toEqual(expected);
  });
});

test(`from a stream to a file, seed ${SEED}: each row once, in order`, SLOW, async (context) => {
  const data = at('data');
  const pipeline = await startPipelineProcess(context, data, ['--symbols', 'BTCUSDT,ETHUSDT', '--buffer-seconds', '1']);
  await until('rows are recorded', async () => (await rowsOf(data)).length > 400, 90_000);
  // Paused, it leaves the services running and the stream as it is.
  process.kill(pipeline.endpoints.producer_pid, 'SIGSTOP');
  const recorded = inOrder((await readStream(pipeline.endpoints.kinesis, pipeline.endpoints.stream)).flat());

  const args = ['--local', '--data', data, '--from', 'kinesis:depthlake', '--to', at('stream.jsonl'), '--speed', '2'];
  await killedAgainAndAgain(args, 'stream.checkpoint', 1_500);

  expect(linesOf(at('stream.jsonl'))).toEqual(recorded);
  process.kill(pipeline.endpoints.producer_pid, 'SIGCONT');
  pipeline.interrupt('SIGINT');
  expect((await pipeline.ended).status).toBe(0);
});

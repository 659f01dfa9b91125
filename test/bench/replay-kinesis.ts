/** A stream of the local Kinesis, replayed, against the plain loop of GetRecords, gunzip and JSON.parse. */
import { setTimeout as sleep } from 'node:timers/promises';
import { kinesisClient, startKinesis } from '../../infra/local/kinesis.ts';
import { STREAM_SETTINGS } from '../../producer/config.ts';
import type { OrderBookRow, TableRow } from '../../producer/record.ts';
import { putPacks } from '../../producer/stream/kinesis.ts';
import { type Pack, PackBuilder } from '../../producer/stream/packs.ts';
import { SYMBOLS, simulatedFrames } from './market.ts';
import { canPin, type Pass, type PinnedProcess, startPinnedScript } from './pinned-process.ts';
import { STREAM_SCRIPT, type StreamReader } from './replay-stream.ts';
import { type Bench, count, digits, type Outcome, range } from './report.ts';
import { type Cost, type Rounds, ratioOf, spreadOf, takeTurns } from './rounds.ts';
import { rowsOf } from './row-sizes.ts';

const STREAM = 'bench';
/** A shard takes 1 MB/s, and kinesis-local keeps to that. */
const SHARDS = 4;
const LANES = Number(STREAM_SETTINGS.lanes.default);
const LINGER_MS = 1_000;
/** Of real time, at the most rows that leave room below the shards' limit. */
const FILLING_MS = 12_000;
const ROWS_A_SECOND = 15_000;
const TICK_MS = 50;
const SIMULATED_MS = 60_000;
const WARM_UPS = 2;
/** More than a book's ids grow by in a simulated minute. */
const BOOK_IDS_A_PASS = 1_000_000;

export const replayKinesisBench: Bench = {
  title: 'Replay of a stream',
  async run({ quick, progress }) {
    const ends: (() => unknown)[] = [];
    try {
      const kinesis = await startKinesis({ streams: [{ name: STREAM, shards: SHARDS }], log: () => {} });
      ends.push(() => kinesis.stop());
      progress('filling the stream');
      const filled = await fill(
        kinesis.endpoint,
        rowsOf(simulatedFrames(SIMULATED_MS), false),
        quick ? 3_000 : FILLING_MS,
      );
      const processOf = (reader: StreamReader) => {
        const process = startPinnedScript(STREAM_SCRIPT, [kinesis.endpoint, STREAM, reader]);
        ends.push(process.stop);
        return { name: reader, measure: () => costOfRow(process, filled.rows) };
      };
      const contenders = [processOf('loop'), processOf('depthlake')];
      return outcomeOf(await takeTurns(contenders, quick ? 3 : 11, WARM_UPS, progress), filled);
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

interface Filled {
  readonly forMs: number;
  readonly rows: number;
  readonly packs: number;
  readonly bytes: number;
}

/** The same rows again and again, as those of a busy minute: each with the time at which it is put. */
async function fill(endpoint: string, rows: readonly TableRow[], forMs: number): Promise<Filled> {
  const client = kinesisClient(endpoint);
  const put = putPacks(client, STREAM);
  const builder = new PackBuilder(LANES);
  const filled = { forMs, rows: 0, packs: 0, bytes: 0 };
  const putAll = async (packs: readonly Pack[]) => {
    if (packs.length === 0) return;
    const refused = (await put(packs)).filter((reason) => reason !== null);
    if (refused.length > 0) throw new Error(`the stream refused ${refused.length} packs: ${refused[0]}`);
    filled.packs += packs.length;
    for (const { data, rows: held } of packs) {
      filled.bytes += data.length;
      filled.rows += held;
    }
  };
  try {
    const beginMs = Date.now();
    let next = 0;
    for (let nowMs = beginMs; nowMs < beginMs + forMs; nowMs = Date.now()) {
      const packs = builder.closeOpenedBy(nowMs - LINGER_MS);
      for (const due = ((nowMs - beginMs) * ROWS_A_SECOND) / 1000; next < due; next += 1) {
        packs.push(...builder.add(movedRow(rows, next, nowMs), nowMs));
      }
      await putAll(packs);
      await sleep(TICK_MS);
    }
    await putAll(builder.closeOpenedBy(Number.POSITIVE_INFINITY));
    return filled;
  } finally {
    client.destroy();
  }
}

/** A row of another pass: its `seq` and its book go on where the pass before ended. */
function movedRow(rows: readonly TableRow[], index: number, nowMs: number): TableRow {
  const pass = Math.floor(index / rows.length);
  const { row } = rows[index % rows.length] as { row: OrderBookRow };
  const moved = {
    timestamp_ms: nowMs,
    received_ms: nowMs,
    seq: row.seq + pass * rows.length,
    last_update_id: row.last_update_id + pass * BOOK_IDS_A_PASS,
  };
  return { table: 'order_book', row: { ...row, ...moved } };
}

async function costOfRow(process: PinnedProcess<Pass>, due: number): Promise<Cost> {
  const { rows, cpuUs, wallUs } = await process.pass();
  if (rows !== due) throw new Error(`${rows} of ${due} rows were read`);
  return { cpuUs: cpuUs / rows, wallUs: wallUs / rows };
}

function outcomeOf(rounds: Rounds, { forMs, rows, packs, bytes }: Filled): Outcome {
  const median = (name: StreamReader, of: keyof Cost) => spreadOf(rounds[name]!.map((cost) => cost[of])).median;
  const faster = (of: keyof Cost) => range(ratioOf(rounds, 'loop', 'depthlake', of));
  const rate = (name: StreamReader) =>
    `${count(1e6 / median(name, 'wallUs'))} rows/s, ${digits(median(name, 'cpuUs'))} µs of CPU a row`;
  return {
    headline: `${faster('wallUs')} × the rows a second of \`GetRecords\` → gunzip → \`JSON.parse\`, ${range(ratioOf(rounds, 'depthlake', 'loop', 'cpuUs'))} × its CPU`,
    lines: [
      `A stream of ${SHARDS} shards on the local Kinesis, which is a process of its own, read from its beginning to its tip into \`null\` with the same settings of the same client${canPin ? ', both readers kept on one core' : ''}. The replay reads all shards at once with at most five calls a second of each, checks every row, orders the shards’ rows and looks at each tip until it is sure of it. The plain loop reads shard after shard as fast as it is answered and throws away what it parsed.`,
      '',
      `The stream: ${count(rows)} rows of ${SYMBOLS.length} symbols in ${count(packs)} packs, ${digits(bytes / 1e6)} MB, put within ${digits(forMs / 1000)} s.`,
      `For orientation: the replay ${rate('depthlake')}; the plain loop ${rate('loop')}.`,
    ],
  };
}

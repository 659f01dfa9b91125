/** A lake in a folder, replayed on one core, against tardis-dev and fastavro on the same books. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from '../../infra/commands/package.ts';
import type { OrderBookRow } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import { SYMBOLS } from './market.ts';
import { canPin, type Pass, type PinnedProcess, startPinned, startPinnedScript } from './pinned-process.ts';
import { type Corpus, FOLDERS, writeCorpus } from './replay-corpus.ts';
import { LAKE_SCRIPT } from './replay-lake.ts';
import { TARDIS_SCRIPT, type TardisFeed, type TardisPass } from './replay-tardis.ts';
import { type Bench, count, digits, type Outcome, range } from './report.ts';
import { type Cost, type Rounds, ratioOf, spreadOf, takeTurns } from './rounds.ts';

const PYTHON = process.env['DEPTHLAKE_PYTHON'] || fileURLToPath(new URL('.venv/bin/python', PACKAGE_ROOT));
const FASTAVRO_SCRIPT = fileURLToPath(new URL('replay_fastavro.py', import.meta.url));
const hasPython = existsSync(PYTHON);

/** With 20 raw levels a side, as tardis-dev's books have, and as rows are by default. */
const KINDS = ['raw', 'plain'] as const;
type Kind = (typeof KINDS)[number];
const KIND_NAMES = { raw: 'with raw levels', plain: 'without' } as const;

const SIMULATED_MINUTES = 3;
const WARM_UPS = 2;

const ours = (kind: Kind) => `depthlake, ${kind}`;
const lines = (kind: Kind) => `depthlake, ${kind}, JSON lines`;
const fastavro = (kind: Kind) => `fastavro, ${kind}`;
const tardis = (feed: TardisFeed) => `tardis-dev, ${feed}`;

type MeasuredPass = Pass & { readonly version?: string };
type Processes = Map<string, PinnedProcess<MeasuredPass>>;

function startAll(folder: string): Processes {
  const lake = (kind: Kind) => path.join(folder, FOLDERS[kind]);
  const cache = path.join(folder, FOLDERS.tardis);
  const processes: Processes = new Map();
  for (const kind of KINDS) {
    const file = path.join(folder, `${kind}.jsonl`);
    processes.set(ours(kind), startPinnedScript(LAKE_SCRIPT, [lake(kind), '']));
    processes.set(lines(kind), startPinnedScript(LAKE_SCRIPT, [lake(kind), file]));
    if (hasPython) processes.set(fastavro(kind), startPinned(PYTHON, [FASTAVRO_SCRIPT, lake(kind)]));
  }
  for (const feed of ['snapshots', 'diffs'] as const) {
    const script = startPinnedScript<TardisPass>(TARDIS_SCRIPT, [cache, feed, String(SIMULATED_MINUTES)]);
    processes.set(tardis(feed), script);
  }
  return processes;
}

/** Of a first pass: that every contender reads all books, and tardis-dev the same ones. */
async function passedOnce(processes: Processes, corpus: Corpus, folder: string): Promise<Map<string, MeasuredPass>> {
  const books = lastBooks(path.join(folder, FOLDERS.raw));
  const passes = new Map<string, MeasuredPass>();
  for (const [name, process] of processes) {
    const pass = await process.pass();
    passes.set(name, pass);
    if ('last' in pass) requireSameBooks(name, (pass as TardisPass).last, books);
    // A change below the 20 best levels is a frame of the exchange, and no book of tardis-dev's.
    const least = name === tardis('diffs') ? corpus.rows * 0.9 : corpus.rows;
    if (pass.rows < least || pass.rows > corpus.rows) throw new Error(`${name} read ${pass.rows} of ${corpus.rows}`);
  }
  return passes;
}

/** The raw levels of each symbol's last row. */
function lastBooks(lake: string): TardisPass['last'] {
  const files = readdirSync(lake, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.avro'));
  const last = new Map<string, OrderBookRow>();
  for (const file of files) {
    for (const row of readContainerFile(readFileSync(path.join(lake, file))).rows as readonly OrderBookRow[]) {
      if (row.seq > (last.get(row.symbol)?.seq ?? 0)) last.set(row.symbol, row);
    }
  }
  const levels = (pairs: OrderBookRow['top_bids']) => pairs!.map(([price, quantity]) => [price!, quantity!] as const);
  return Object.fromEntries(
    [...last].map(([symbol, row]) => [symbol, { bids: levels(row.top_bids), asks: levels(row.top_asks) }]),
  );
}

function requireSameBooks(name: string, last: TardisPass['last'], books: TardisPass['last']): void {
  for (const symbol of SYMBOLS) {
    if (JSON.stringify(last[symbol]) !== JSON.stringify(books[symbol])) {
      throw new Error(`${name} has another last book of ${symbol} than the lake`);
    }
  }
}

export const replayBench: Bench = {
  title: 'Replay of a lake',
  async run({ quick, progress }) {
    const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-bench-'));
    let processes: Processes = new Map();
    try {
      progress('making the books');
      const corpus = writeCorpus(folder, SIMULATED_MINUTES * 60_000);
      processes = startAll(folder);
      const first = await passedOnce(processes, corpus, folder);
      const contenders = [...processes].map(([name, process]) => ({ name, measure: () => costOfRow(process) }));
      const rounds = await takeTurns(contenders, quick ? 3 : 9, WARM_UPS, progress);
      return outcomeOf(rounds, versionOf(first), corpus);
    } finally {
      for (const { stop } of processes.values()) stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function costOfRow(process: PinnedProcess<Pass>): Promise<Cost> {
  const { rows, cpuUs, wallUs } = await process.pass();
  return { cpuUs: cpuUs / rows, wallUs: wallUs / rows };
}

function outcomeOf(rounds: Rounds, fastavroVersion: string | null, corpus: Corpus): Outcome {
  const faster = (name: string, than: string) => range(ratioOf(rounds, than, name, 'cpuUs'));
  const median = (name: string, of: keyof Cost) => spreadOf(rounds[name]!.map((cost) => cost[of])).median;
  const best = median(tardis('snapshots'), 'cpuUs') < median(tardis('diffs'), 'cpuUs') ? 'snapshots' : 'diffs';
  const rivals = [
    ...(['snapshots', 'diffs'] as const).map((feed) => ({ name: tardis(feed), kind: 'raw' as const })),
    ...(fastavroVersion === null ? [] : KINDS.map((kind) => ({ name: fastavro(kind), kind }))),
  ];
  return {
    headline: `with raw levels ${faster(ours('raw'), tardis(best))} × the books a second of tardis-dev (${best})${fastavroVersion === null ? '' : `, ${faster(ours('raw'), fastavro('raw'))} × the rows a second of fastavro`}; without, ${count(1e6 / median(ours('plain'), 'wallUs'))} rows/s to \`null\` and ${count(1e6 / median(lines('plain'), 'wallUs'))} to JSON lines`,
    lines: [
      `Each contender in a process of its own, ${canPin ? 'all kept on one core' : '**not kept on one core: there is no taskset here**'}, a pass over everything a round. Factors are of CPU time, all threads together, so of the seconds of that core; above 1: the replay is faster. What they do:`,
      '',
      '- depthlake lists the folder, reads and checks each container file whole (CRC, every row against the schema), orders its rows by time, session and `seq`, removes what comes twice, counts what is missing, and hands batches to the sink; JSON lines go to a file.',
      '- tardis-dev (`replayNormalized`, `normalizeBookChanges`) reads its own cache, a gzip file a minute. *snapshots*: each frame’s 20 levels a side, normalized one by one as of the exchange whose mapper does so (binance-options). *diffs*: as Binance.US is recorded by it, a seed and diffs, rebuilt by `computeBookSnapshots` with 20 levels whenever one of them changes. Its rows are in order already and are not checked. The start of its worker does not count. Its last books are the same as the lake’s, level by level.',
      fastavroVersion === null
        ? '- fastavro: not installed here, so not measured.'
        : `- fastavro ${fastavroVersion} reads the same files, file by file into lists of dicts, which are dropped; no order, no CRC of its own. Python’s start does not count.`,
      '',
      '| against, which writes nothing | rows | to `null` | to JSON lines |',
      '|---|---|---|---|',
      ...rivals.map(
        ({ name, kind }) =>
          `| ${name} | ${KIND_NAMES[kind]} | ${faster(ours(kind), name)} | ${faster(lines(kind), name)} |`,
      ),
      '',
      `Books: simulated, ${SYMBOLS.length} symbols, ten frames a second of each; ${count(corpus.rows)} rows, ${digits(corpus.bytes.raw / 1e6)} MB with raw levels and ${digits(corpus.bytes.plain / 1e6)} MB without, in ${corpus.files} files as the transformer makes them (deflate).`,
      '',
      '| for orientation | rows/s | µs of CPU a row |',
      '|---|---|---|',
      ...Object.keys(rounds).map(
        (name) => `| ${name} | ${count(1e6 / median(name, 'wallUs'))} | ${digits(median(name, 'cpuUs'))} |`,
      ),
    ],
  };
}

/** null: it did not run. */
function versionOf(first: ReadonlyMap<string, MeasuredPass>): string | null {
  return first.get(fastavro('raw'))?.version ?? null;
}

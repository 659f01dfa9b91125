/**
 * What rows weigh on their way: the sizes that `depthlake cost` reckons with, from a simulated market, so that they come
 * out the same everywhere. `npm run bench -- sizes` writes them to infra/cost/measured.json.
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { builtFile, packageVersion } from '../../infra/commands/package.ts';
import type { Measured, MeasuredRows, SizePoint } from '../../infra/cost/measured.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { Counters } from '../../producer/counters.ts';
import { EmfReport } from '../../producer/monitor/emf.ts';
import { Session } from '../../producer/session.ts';
import type { Pack } from '../../producer/stream/packs.ts';
import { CODECS } from '../../transformer/codec.ts';
import type { FirehoseEvent, FirehoseResponse } from '../../transformer/firehose-event.ts';
import { producing } from '../producer/monitor/producing.ts';
import { snapshot } from '../producer/samples.ts';
import { recordedFrames } from './market.ts';
import { type Bench, type BenchOptions, count, digits } from './report.ts';
import { measureRounds, spreadOf } from './rounds.ts';
import { packsOf, type RowSource, rowsOf, SESSION_ID, sampled, simulatedRows, sizesOf, VENUE } from './row-sizes.ts';

const MEASURED = new URL('../../infra/cost/measured.json', import.meta.url);

/** Symbols of the event that the transformer is timed with, and its packs: about a MB, as Firehose collects. */
const EVENT_SYMBOLS = 20;
const EVENT_PACKS = 340;

/** The events of an undisturbed minute: a tally of each symbol, and one of the session. */
const talliedRows: RowSource = (symbols) => {
  const names = ROSTER.slice(0, symbols);
  const counters = new Counters();
  for (const [at, name] of names.entries()) {
    Object.assign(counters.of(name), { frames: 1_000_000 + 7 * at, snapshots: 990_000 + 5 * at });
  }
  const session = new Session(SESSION_ID, VENUE, names, counters, { snapshot: () => true, event: () => true });
  return session.tallies(Date.UTC(2026, 8, 1, 12));
};

/** Of a line of the producer's figures with everything that an undisturbed one has. */
async function figuresLineBytes(): Promise<number> {
  const { figures, accepts } = producing();
  figures.observation({ ...snapshot('BTCUSDT', 1_000), verified: true, receivedMs: 1_200 });
  accepts([1_200], 2_000);
  const line = await new EmfReport(figures, { stack: 'depthlake-production', producer: 'producer-1' }).line(60_000);
  return Buffer.byteLength(line);
}

/** @returns seconds of one core a row, from an event's base64 to the response's */
async function transformSeconds(packs: readonly Pack[], { quick, progress }: BenchOptions): Promise<number> {
  for (const name of ['DEPTHLAKE_GLUE_DATABASE', 'DEPTHLAKE_CODEC']) delete process.env[name];
  const { handler } = (await import(pathToFileURL(builtFile('transformer')).href)) as {
    handler: (event: FirehoseEvent) => Promise<FirehoseResponse>;
  };
  const records = packs.map(({ data }, index) => ({
    recordId: String(index).padStart(56, '0'),
    approximateArrivalTimestamp: 0,
    data: data.toString('base64'),
  }));
  const run = () => handler({ invocationId: 'bench', records });
  const rounds = await measureRounds([{ name: 'handler', run }], quick ? 5 : 31, 3, progress);
  const rows = packs.reduce((sum, pack) => sum + pack.rows, 0);
  const seconds = spreadOf(rounds['handler']!.map(({ cpuUs }) => cpuUs / 1e6 / rows)).median;
  return Number(seconds.toPrecision(3));
}

async function measure(options: BenchOptions): Promise<Measured> {
  const plain = simulatedRows(false);
  const raw = simulatedRows(true);
  return {
    date: new Date().toISOString().slice(0, 10),
    versions: `depthlake ${packageVersion()}, node ${process.versions.node}`,
    rows: {
      plain: sizesOf('order_book', plain, sampled(plain)),
      raw: sizesOf('order_book', raw, sampled(raw)),
    },
    events: sizesOf('feed_event', talliedRows, talliedRows),
    transformSecondsPerRow: await transformSeconds(packsOf(plain(EVENT_SYMBOLS)).slice(0, EVENT_PACKS), options),
    figuresLineBytes: await figuresLineBytes(),
  };
}

export const sizesBench: Bench = {
  title: 'Sizes',
  async run(options) {
    const measured = await measure(options);
    if (!options.quick) writeFileSync(MEASURED, textOf(measured));
    const { plain, raw } = measured.rows;
    const recorded = recordedFrames();
    return {
      headline: `a row of 20 symbols has ${count(plain.lineBytes)} bytes as a line, ${count(at(plain.frames.packBytesPerRow))} in a pack, ${count(at(plain.frames.fileBytesPerRow.deflate))} in a container file`,
      lines: [
        'Bytes of a row of a simulated market of 20 symbols, ten frames a second of each, in packs and files as the producer and the transformer make them; `depthlake cost` reckons with these and with those of other numbers of symbols (infra/cost/measured.json).',
        '',
        `| | line | pack | ${CODECS.map((codec) => `file, ${codec}`).join(' | ')} |`,
        `|---|---|---|${CODECS.map(() => '---|').join('')}`,
        tableRow('plain', plain),
        tableRow('with raw levels', raw),
        '',
        `The transformer takes ${digits(measured.transformSecondsPerRow * 1e6)} µs of one core a row. A line of the producer’s figures has ${count(measured.figuresLineBytes)} bytes.`,
        `For comparison, ${recorded.source}: ${count(packBytesOf(rowsOf(recorded, false)))} bytes a row in packs.`,
      ],
    };
  },
};

function packBytesOf(rows: Parameters<typeof packsOf>[0]): number {
  const packs = packsOf(rows);
  const total = (of: (pack: Pack) => number) => packs.reduce((sum, pack) => sum + of(pack), 0);
  return total(({ data }) => data.length) / total((pack) => pack.rows);
}

function at(points: readonly SizePoint[]): number {
  return points.find(([symbols]) => symbols === EVENT_SYMBOLS)![1];
}

function tableRow(name: string, { lineBytes, frames }: MeasuredRows): string {
  const files = CODECS.map((codec) => count(at(frames.fileBytesPerRow[codec])));
  return `| ${[name, count(lineBytes), count(at(frames.packBytesPerRow)), ...files].join(' | ')} |`;
}

/** JSON with each list of figures on one line, as people read and compare it. */
function textOf(measured: object): string {
  const lists = /\[(?:[\s\d.,]|\[[\s\d.,]*\])*\]/g;
  const text = JSON.stringify(measured, null, 2);
  const short = text.replaceAll(lists, (list) => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '));
  return `${short}\n`;
}

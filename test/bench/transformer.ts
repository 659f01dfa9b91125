/** The built transformer on events of 1 MB, against avsc's BlockEncoder fed with the same rows already decoded. */
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import avro from 'avsc';
import { builtFile } from '../../infra/commands/package.ts';
import { STREAM_SETTINGS } from '../../producer/config.ts';
import type { OrderBookRow, TableRow } from '../../producer/record.ts';
import { type Pack, PackBuilder } from '../../producer/stream/packs.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseEvent, FirehoseResponse } from '../../transformer/firehose-event.ts';
import { ROW_TYPES } from '../../transformer/row-type.ts';
import { rowMaker } from './frame.ts';
import { SYMBOLS, simulatedFrames } from './market.ts';
import { type Bench, count, digits, range } from './report.ts';
import { measureRounds, ratioOf, spreadOf } from './rounds.ts';

const OURS = 'transformer';
const AVSC = 'BlockEncoder';
const DECODING = 'gunzip and JSON.parse';

/** Firehose's default buffer for a transformation: 1 MB of records. */
const EVENT_BYTES = 1_000_000;
const LINGER_MS = 1000;
const LANES = Number(STREAM_SETTINGS.lanes.default);
/** Enough for an event, whatever gzip makes of the rows. */
const SIMULATED_MS = 120_000;

interface Input {
  readonly event: FirehoseEvent;
  readonly packBytes: number;
  readonly lineBytes: number;
}

/** Packs as the producer makes them with its defaults: eight lanes, a second of linger. */
function packsOf(rows: readonly TableRow[]): Pack[] {
  const builder = new PackBuilder(LANES);
  const packs: Pack[] = [];
  for (const row of rows) {
    const nowMs = (row.row as OrderBookRow).received_ms;
    packs.push(...builder.closeOpenedBy(nowMs - LINGER_MS), ...builder.add(row, nowMs));
  }
  return packs;
}

function makeInput(): Input {
  const all: TableRow[] = [];
  rowMaker(simulatedFrames(SIMULATED_MS), (row) => all.push(row))();
  const packs: Pack[] = [];
  let packBytes = 0;
  for (const pack of packsOf(all)) {
    if (packBytes + pack.data.length > EVENT_BYTES) break;
    packBytes += pack.data.length;
    packs.push(pack);
  }
  if (packBytes < EVENT_BYTES * 0.95) throw new Error(`the packs of ${SIMULATED_MS} ms have only ${packBytes} bytes`);
  const records = packs.map((pack, index) => ({
    recordId: String(index).padStart(56, '0'),
    approximateArrivalTimestamp: pack.openedMs + LINGER_MS,
    data: pack.data.toString('base64'),
  }));
  const event = { invocationId: 'bench', records };
  return { event, packBytes, lineBytes: packs.reduce((sum, { lineBytes }) => sum + lineBytes, 0) };
}

/** The files of a response, read back. */
function rowsOf({ records }: FirehoseResponse): { rows: OrderBookRow[]; files: number; bytes: number } {
  const files = records.filter(({ result }) => result === 'Ok').map(({ data }) => Buffer.from(data!, 'base64'));
  const bad = records.filter(({ result }) => result === 'ProcessingFailed').length;
  if (bad > 0) throw new Error(`the transformer refused ${bad} records`);
  const rows = files.flatMap((file) => readContainerFile(file).rows as OrderBookRow[]);
  return { rows, files: files.length, bytes: files.reduce((sum, { length }) => sum + length, 0) };
}

/** @returns the bytes of the file */
async function blockEncode(rows: readonly OrderBookRow[]): Promise<number> {
  const encoder = new avro.streams.BlockEncoder(ROW_TYPES.order_book, { codec: 'deflate' });
  let bytes = 0;
  encoder.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const ended = once(encoder, 'end');
  for (const row of rows) if (!encoder.write(row)) await once(encoder, 'drain');
  encoder.end();
  await ended;
  return bytes;
}

/** What no decoder of these packs can save: the floor of the part that BlockEncoder is spared. */
function decodeOnly({ records }: FirehoseEvent): void {
  for (const { data } of records) {
    const text = gunzipSync(Buffer.from(data, 'base64')).toString('utf8');
    for (const line of text.split('\n')) JSON.parse(line);
  }
}

async function loadHandler(): Promise<(event: FirehoseEvent) => Promise<FirehoseResponse>> {
  for (const name of ['DEPTHLAKE_GLUE_DATABASE', 'DEPTHLAKE_CODEC']) delete process.env[name];
  return (await import(pathToFileURL(builtFile('transformer')).href)).handler;
}

export const transformerBench: Bench = {
  title: 'Transformer',
  async run({ quick, progress }) {
    const handler = await loadHandler();
    const { event, packBytes, lineBytes } = makeInput();
    const { rows, files, bytes } = rowsOf(await handler(event));
    const avscBytes = await blockEncode(rows);

    const rounds = await measureRounds(
      [
        { name: AVSC, run: () => blockEncode(rows) },
        { name: DECODING, run: () => decodeOnly(event) },
        { name: OURS, run: () => handler(event) },
      ],
      quick ? 5 : 31,
      3,
      progress,
    );
    const seconds = (name: string) => spreadOf(rounds[name]!.map(({ wallUs }) => wallUs / 1e6)).median;
    const rate = (name: string) =>
      `${count(rows.length / seconds(name))} rows/s, ${digits(lineBytes / 1e6 / seconds(name))} MB/s of lines`;
    return {
      headline: `${range(ratioOf(rounds, OURS, AVSC, 'cpuUs'))} × the CPU, ${range(ratioOf(rounds, OURS, AVSC, 'wallUs'))} × the time of avsc’s \`BlockEncoder\``,
      lines: [
        'The built handler, from an event’s base64 to the response’s (gunzip, JSON, checks, grouping, Avro, deflate), against `BlockEncoder` with deflate and its defaults, fed with the same rows already decoded. CPU counts all threads: `BlockEncoder` compresses in another one.',
        '',
        `Event: ${count(event.records.length)} packs of ${SYMBOLS.length} simulated symbols, ${digits(packBytes / 1e6)} MB in gzip, ${digits(lineBytes / 1e6)} MB of lines, ${count(rows.length)} rows.`,
        `Result: ${files} files of ${digits(bytes / 1e6)} MB together; \`BlockEncoder\` makes ${digits(avscBytes / 1e6)} MB.`,
        `\`gunzip\` and \`JSON.parse\` of the packs alone, which \`BlockEncoder\` is spared here, take ${range(ratioOf(rounds, DECODING, AVSC, 'cpuUs'))} × its CPU.`,
        `For orientation, in elapsed time: the handler ${rate(OURS)}; \`BlockEncoder\` ${rate(AVSC)}.`,
      ],
    };
  },
};

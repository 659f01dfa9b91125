/** The same books three times: as container files of a lake, and in the two forms that tardis-dev caches. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { wrap } from '../../infra/local/exchange/protocol.ts';
import { depth20Stream } from '../../producer/feed/binance.ts';
import type { Pack } from '../../producer/stream/packs.ts';
import { transform } from '../../transformer/batch.ts';
import type { Codec } from '../../transformer/codec.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseEvent } from '../../transformer/firehose-event.ts';
import { type Messages, type Received, SYMBOLS, simulatedMessages } from './market.ts';
import { allPacksOf, rowsOf } from './row-sizes.ts';

/** What Firehose collects for one call of the transformer: a MB, or a minute. */
const EVENT_BYTES = 1_000_000;
const EVENT_MS = 60_000;
const MINUTE_MS = 60_000;

export interface Corpus {
  /** Of each of the folders. */
  readonly rows: number;
  readonly files: number;
  /** The container files together, with raw levels and without. */
  readonly bytes: { readonly raw: number; readonly plain: number };
}

export const FOLDERS = { plain: 'plain', raw: 'raw', tardis: 'tardis' } as const;

/** What tardis-dev asks its service for; its cache is named after it. */
export const SNAPSHOTS = { exchange: 'binance-options', channels: ['DEPTH100'] } as const;
export const DIFFS = { exchange: 'binance-us', channels: ['depth', 'depthSnapshot'] } as const;

/** A simulated market of 20 symbols, ten frames a second of each. @param durationMs whole minutes */
export function writeCorpus(folder: string, durationMs: number): Corpus {
  const market = simulatedMessages(durationMs, SYMBOLS, (symbol) => [depth20Stream(symbol), diffStream(symbol)]);
  const frames = framesOf(market);
  const made = { source: '', symbols: SYMBOLS, frames };
  const plain = writeLake(path.join(folder, FOLDERS.plain), allPacksOf(rowsOf(made, false)));
  const raw = writeLake(path.join(folder, FOLDERS.raw), allPacksOf(rowsOf(made, true)));
  if (plain.rows !== raw.rows) throw new Error(`${plain.rows} rows without raw levels, ${raw.rows} with them`);
  writeCache(path.join(folder, FOLDERS.tardis), SNAPSHOTS, frames.map(asOptionsFrame));
  writeCache(path.join(folder, FOLDERS.tardis), DIFFS, diffsOf(market));
  return { rows: plain.rows, files: plain.files + raw.files, bytes: { raw: raw.bytes, plain: plain.bytes } };
}

function diffStream(symbol: string): string {
  return `${symbol.toLowerCase()}@depth@100ms`;
}

function framesOf({ messages }: Messages): Received[] {
  return messages
    .filter(({ kind }) => kind === 'partial')
    .map(({ atMs, stream, body }) => ({ atMs, text: wrap(stream, body) }));
}

/** Each book as its seed and what changed from then on. */
function diffsOf({ seeds, messages }: Messages): Received[] {
  const first = messages[0]!.atMs;
  const seeding = [...seeds].map(([symbol, body]) => ({
    atMs: first,
    text: wrap(`${symbol.toLowerCase()}@depthSnapshot`, body),
  }));
  const diffs = messages.filter(({ kind }) => kind === 'diff');
  return [...seeding, ...diffs.map(({ atMs, stream, body }) => ({ atMs, text: wrap(stream, body) }))];
}

/** The same levels under the names of the one exchange whose books tardis-dev normalizes snapshot by snapshot. */
function asOptionsFrame({ atMs, text }: Received): Received {
  const { stream, data } = JSON.parse(text) as { stream: string; data: { bids: unknown; asks: unknown } };
  const symbol = stream.split('@')[0]!.toUpperCase();
  const body = { e: 'depth', E: atMs, s: symbol, b: data.bids, a: data.asks };
  return { atMs, text: wrap(`${symbol}@DEPTH100`, JSON.stringify(body)) };
}

function writeLake(folder: string, packs: readonly Pack[]): { rows: number; files: number; bytes: number } {
  const total = { rows: 0, files: 0, bytes: 0 };
  for (const { key, bytes, rows } of filesOf(packs, 'deflate')) {
    writeWithin(folder, key, bytes);
    total.rows += rows;
    total.files += 1;
    total.bytes += bytes.length;
  }
  return total;
}

interface MadeFile {
  readonly key: string;
  readonly bytes: Buffer;
  readonly rows: number;
}

/** Container files as the transformer makes them of each batch. */
export function* filesOf(packs: readonly Pack[], codec: Codec): Iterable<MadeFile> {
  for (const event of eventsOf(packs)) {
    const { response, refused } = transform(event, { codec });
    if (refused.length > 0) throw new Error(`the transformer refused ${refused.length} packs: ${refused[0]!.reason}`);
    for (const { result, data, metadata } of response.records) {
      if (result !== 'Ok') continue;
      const { table, year, month, day, hour, batch } = metadata!.partitionKeys;
      const key = `${table}/year=${year}/month=${month}/day=${day}/hour=${hour}/${batch}-bench.avro`;
      const bytes = Buffer.from(data!, 'base64');
      yield { key, bytes, rows: readContainerFile(bytes).count };
    }
  }
}

function* eventsOf(packs: readonly Pack[]): Iterable<FirehoseEvent> {
  let batch: Pack[] = [];
  let bytes = 0;
  let events = 0;
  const event = () => ({
    invocationId: String(++events).padStart(36, '0'),
    records: batch.map(({ data }, index) => ({ recordId: String(index), data: data.toString('base64') })),
  });
  for (const pack of packs) {
    const opened = batch[0]?.openedMs ?? pack.openedMs;
    if (bytes + pack.data.length > EVENT_BYTES || pack.openedMs >= opened + EVENT_MS) {
      yield event();
      batch = [];
      bytes = 0;
    }
    batch.push(pack);
    bytes += pack.data.length;
  }
  if (batch.length > 0) yield event();
}

interface Feed {
  readonly exchange: string;
  readonly channels: readonly string[];
}

/** A file a minute of lines `<time of receipt> <message>`, where tardis-dev 13 looks before it asks its service. */
function writeCache(folder: string, { exchange, channels }: Feed, messages: readonly Received[]): void {
  const filters = channels.map((channel) => ({ channel }));
  const name = createHash('sha256').update(JSON.stringify(filters)).digest('hex');
  const minutes = new Map<number, string[]>();
  for (const { atMs, text } of messages) {
    const minute = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    const lines = minutes.get(minute) ?? [];
    // Seven places of a second: the splitting counts on the length.
    lines.push(`${new Date(atMs).toISOString().slice(0, -1)}0000Z ${text}\n`);
    minutes.set(minute, lines);
  }
  for (const [minute, lines] of minutes) {
    const slice = new Date(minute).toISOString().slice(0, 16).replace(/[-T:]/g, '/');
    writeWithin(folder, `feeds/${exchange}/${name}/${slice}.json.gz`, gzipSync(lines.join('')));
  }
}

function writeWithin(folder: string, key: string, bytes: Uint8Array): void {
  const file = path.join(folder, key);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

/** What the settings make the pipeline do in a second: packs into Kinesis, calls of the transformer, files into the lake. */
import { STREAM_SETTINGS } from '../../producer/config.ts';
import { PACK_MAX_LINE_BYTES } from '../../producer/record.ts';
import { FILE_MAX_BYTES } from '../../transformer/batch.ts';
import { bufferSizeMb } from '../../transformer/buffer-size.ts';
import { MB } from './billing.ts';
import { interpolate, MEASURED, type MeasuredRows, type MixSizes } from './measured.ts';
import { type CostSettings, symbolCountOf } from './settings.ts';

/** Things of one kind that come at a rate, all alike. */
export interface Flow {
  readonly perSecond: number;
  /** Of each. */
  readonly bytes: number;
  /** In each. */
  readonly rows: number;
}

export interface Load {
  readonly symbols: number;
  readonly producers: number;
  /** Rows of `order_book`, and the bytes of one as a line. */
  readonly rowsPerSecond: number;
  readonly lineBytes: number;
  /** Kinesis records. */
  readonly packs: { readonly orderBook: Flow; readonly feedEvent: Flow };
  /** Of the transformer. */
  readonly callsPerSecond: number;
  /** Objects of the lake, as delivered. */
  readonly files: { readonly orderBook: Flow; readonly feedEvent: Flow };
  /** Bytes of a row in a large file. */
  readonly sealedBytesPerRow: { readonly orderBook: number; readonly feedEvent: number };
  /** Shards that packs come to. */
  readonly busyShards: number;
}

const LANES = STREAM_SETTINGS.lanes.parse(STREAM_SETTINGS.lanes.default);
const LINGER_SECONDS = STREAM_SETTINGS.lingerMs.parse(STREAM_SETTINGS.lingerMs.default) / 1000;
/** Each symbol's tally, and the session's. */
const TALLIES_EVERY_SECONDS = 60;
/** Of a new stream on demand (https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html). */
const ON_DEMAND_SHARDS = 4;
/** Firehose asks a shard once a second, so a buffer of no time collects that long. */
const READ_EVERY_SECONDS = 1;

export function loadOf(settings: CostSettings): Load {
  const { codec, rawLevels, bufferSeconds, shardsOfSymbols, redundancy } = settings;
  const symbols = symbolCountOf(settings);
  const producers = shardsOfSymbols * redundancy;
  const perSymbol = rowsPerSecondOf(settings);
  const rowsPerSecond = symbols * redundancy * perSymbol;
  const eachHas = symbols / shardsOfSymbols;
  const rows = MEASURED.rows[rawLevels ? 'raw' : 'plain'];
  const pack = packOf(eachHas, perSymbol, rows.lineBytes);
  const mix = mixBetween(rows, pack.rowsOfSymbol);
  const orderBook = flowOf(rowsPerSecond, pack.rows, mix.packBytesPerRow(eachHas));
  const feedEvent = eventPacks(eachHas, producers);

  const busyShards = busy(settings, symbols);
  const packBytesPerSecond = orderBook.perSecond * orderBook.bytes + feedEvent.perSecond * feedEvent.bytes;
  const fullAfter = (bufferSizeMb(codec, rawLevels) * MB * busyShards) / packBytesPerSecond;
  const interval = Math.min(Math.max(bufferSeconds, READ_EVERY_SECONDS), fullAfter);
  const callsPerSecond = Math.min(busyShards / interval, orderBook.perSecond + feedEvent.perSecond);

  const rowBytes = mix.fileBytesPerRow(eachHas, codec);
  const eventBytes = interpolate(MEASURED.events.frames.fileBytesPerRow[codec], eachHas);
  return {
    symbols,
    producers,
    rowsPerSecond,
    lineBytes: rows.lineBytes,
    packs: { orderBook, feedEvent },
    callsPerSecond,
    files: {
      orderBook: filesOf(orderBook, callsPerSecond, rows.fileHeaderBytes, rowBytes),
      feedEvent: filesOf(feedEvent, callsPerSecond, MEASURED.events.fileHeaderBytes, eventBytes),
    },
    sealedBytesPerRow: { orderBook: rowBytes, feedEvent: eventBytes },
    busyShards,
  };
}

/** Of one symbol and producer. */
function rowsPerSecondOf({ framesPerSecond, every }: CostSettings): number {
  return every === 0 ? framesPerSecond : Math.min(framesPerSecond, 1000 / every);
}

/** How many of so many places are hit when so many things are hashed onto them: what is to be expected. */
function occupied(places: number, things: number): number {
  return places * (1 - (1 - 1 / places) ** things);
}

/** The rows of a pack: a lane sends at most one a linger, and none without a row; or it is full before. */
function packOf(symbols: number, perSymbol: number, lineBytes: number): { rows: number; rowsOfSymbol: number } {
  const laneRate = (symbols * perSymbol) / occupied(LANES, symbols);
  const seconds = Math.max(LINGER_SECONDS, 1 / laneRate);
  const rows = Math.min(laneRate * seconds, PACK_MAX_LINE_BYTES / lineBytes);
  return { rows, rowsOfSymbol: perSymbol * seconds };
}

function flowOf(rowsPerSecond: number, rowsEach: number, bytesPerRow: number): Flow {
  return { perSecond: rowsPerSecond / rowsEach, bytes: rowsEach * bytesPerRow, rows: rowsEach };
}

/** Tallies go in one lane together; other events are rare. */
function eventPacks(symbols: number, producers: number): Flow {
  const { lineBytes, frames } = MEASURED.events;
  const rows = symbols + 1;
  const packs = Math.ceil((rows * lineBytes) / PACK_MAX_LINE_BYTES);
  return flowOf((producers * rows) / TALLIES_EVERY_SECONDS, rows / packs, interpolate(frames.packBytesPerRow, symbols));
}

/** Sizes between those of ten rows a symbol in a pack and those of one. */
function mixBetween({ seconds, frames }: MeasuredRows, rowsOfSymbol: number) {
  const between = (of: (mix: MixSizes) => number) =>
    interpolate(
      [
        [1, of(seconds)],
        [10, of(frames)],
      ],
      rowsOfSymbol,
    );
  return {
    packBytesPerRow: (symbols: number) => between((mix) => interpolate(mix.packBytesPerRow, symbols)),
    fileBytesPerRow: (symbols: number, codec: CostSettings['codec']) =>
      between((mix) => interpolate(mix.fileBytesPerRow[codec], symbols)),
  };
}

/** All producers hash onto the same lanes, and Kinesis hashes lanes onto shards. */
function busy({ streamMode, shards }: CostSettings, symbols: number): number {
  return occupied(streamMode === 'provisioned' ? shards : ON_DEMAND_SHARDS, occupied(LANES, symbols));
}

/** A call makes one file of a table's packs, or several where one would pass the bound; packs that are rare, one each. */
function filesOf(packs: Flow, callsPerSecond: number, headerBytes: number, bytesPerRow: number): Flow {
  const calls = Math.min(callsPerSecond, packs.perSecond);
  const rows = (packs.perSecond * packs.rows) / calls;
  const files = Math.ceil((headerBytes + rows * bytesPerRow) / FILE_MAX_BYTES);
  return { perSecond: calls * files, bytes: headerBytes + (rows / files) * bytesPerRow, rows: rows / files };
}

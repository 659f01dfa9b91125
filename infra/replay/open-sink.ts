/** From the address of a sink to the sink. */

import type { TableName } from '../../producer/record.ts';
import type { Json, Sink } from '../../producer/replay/sink.ts';
import type { Source } from '../../producer/replay/source.ts';
import type { Codec } from '../../transformer/codec.ts';
import type { Output } from '../terminal.ts';
import type { SinkAddress } from './address.ts';
import { announcedSource } from './announced-source.ts';
import { REPLAY_CLOCK } from './clock.ts';
import type { ReplayServices } from './services.ts';
import { openAvroSink } from './sinks/avro-folder.ts';
import { openFileSink } from './sinks/file.ts';
import { openFirehoseSink } from './sinks/firehose.ts';
import { openKinesisSink } from './sinks/kinesis.ts';
import { type LineFormatName, lineFormat } from './sinks/line-format.ts';
import { nullSink } from './sinks/null.ts';
import { openStdoutSink } from './sinks/stdout.ts';
import { openWebSocketSink } from './sinks/websocket.ts';

interface SinkOptions {
  readonly services: ReplayServices;
  readonly stdout: Output;
  readonly format: LineFormatName;
  readonly tables: ReadonlySet<TableName>;
  readonly symbols: readonly string[];
  readonly wants: (symbol: string) => boolean;
  readonly codec: Codec;
  readonly lanes: number;
  readonly partitionQuota: number;
  readonly overwrite: boolean;
  /** Whether nothing but the sink holds the replay back. */
  readonly unpaced: boolean;
  /** Of this very replay: hexadecimal digits. */
  readonly id: string;
  /** What the sink said last in the checkpoint that is gone on from. */
  readonly state: Json;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface OpenSink {
  readonly sink: Sink;
  /** The source as this sink wants it read. */
  readonly from: (source: Source) => Source;
  /** Lets go of its client. */
  close(): void;
}

/** @throws what the sinks throw where they cannot be opened */
export async function openSink(address: SinkAddress, options: SinkOptions): Promise<OpenSink> {
  const { services, format, tables, codec, overwrite, id, state, log } = options;
  switch (address.kind) {
    case 'null':
      return plain(nullSink());
    case 'stdout':
      return plain(openStdoutSink(options.stdout, lineFormat(format, tables)));
    case 'file':
      return plain(await openFileSink({ path: address.path, format: lineFormat(format, tables), state, overwrite }));
    case 'avro':
      return plain(await openAvroSink({ folder: address.folder, codec, id, state, overwrite }));
    case 'kinesis': {
      const client = services.kinesis();
      const { lanes } = options;
      return withClient(client, openKinesisSink({ client, stream: address.stream, lanes, log }));
    }
    case 'firehose': {
      const client = services.firehose();
      const { partitionQuota } = options;
      const { deliveryStream } = address;
      const backfill = services.backfillStream;
      const clock = REPLAY_CLOCK;
      return withClient(client, openFirehoseSink({ client, deliveryStream, backfill, clock, partitionQuota, log }));
    }
    case 'ws': {
      const { wants, unpaced: waits, signal } = options;
      const symbols = options.symbols.filter((symbol) => !symbol.includes('*'));
      const sink = await openWebSocketSink({ port: address.port, symbols, wants, waits, signal, log });
      return { ...plain(sink), from: (source) => announcedSource(source, sink, log) };
    }
  }
}

function plain(sink: Sink): OpenSink {
  return { sink, from: (source) => source, close: () => {} };
}

async function withClient(client: { destroy(): void }, opening: Promise<Sink>): Promise<OpenSink> {
  try {
    return { ...plain(await opening), close: () => client.destroy() };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

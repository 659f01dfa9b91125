/** Where a replay reads from and writes to, as a user names it. */
import { integer } from '../../producer/config.ts';

export type SourceAddress =
  | { readonly kind: 'kinesis'; readonly stream: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  /** A lake in a folder, or container files. */
  | { readonly kind: 'paths'; readonly paths: readonly string[] };

export type SinkAddress =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'null' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'avro'; readonly folder: string }
  | { readonly kind: 'kinesis'; readonly stream: string }
  | { readonly kind: 'firehose'; readonly deliveryStream: string }
  | { readonly kind: 'ws'; readonly port: number };

const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;
/** Anything of this form that is no known address is a misspelt one, not a file's name. */
const SCHEME = /^([a-z0-9]{2,}):/;

/** @throws Error that says which addresses there are */
export function sourceAddress(text: string): SourceAddress {
  const scheme = SCHEME.exec(text)?.[1];
  if (scheme === 'kinesis') return { kind: 'kinesis', stream: streamName(text.slice('kinesis:'.length)) };
  if (scheme === 's3') {
    const match = BUCKET.exec(text);
    if (match === null) throw new Error('must be like s3://bucket or s3://bucket/prefix');
    const prefix = (match[2] ?? '').replace(/\/+$/, '');
    return { kind: 's3', bucket: match[1]!, prefix: prefix === '' ? '' : `${prefix}/` };
  }
  if (scheme !== undefined || text === '') {
    throw new Error('must be kinesis:NAME, s3://BUCKET/PREFIX, the folder of a lake, or container files');
  }
  return { kind: 'paths', paths: [text] };
}

/** @throws Error that says which addresses there are */
export function sinkAddress(text: string): SinkAddress {
  if (text === 'stdout' || text === '-') return { kind: 'stdout' };
  if (text === 'null') return { kind: 'null' };
  const scheme = SCHEME.exec(text)?.[1];
  const rest = text.slice((scheme?.length ?? -1) + 1);
  if (scheme === 'kinesis') return { kind: 'kinesis', stream: streamName(rest) };
  if (scheme === 'firehose') return { kind: 'firehose', deliveryStream: streamName(rest) };
  if (scheme === 'avro' && rest !== '') return { kind: 'avro', folder: rest };
  if (scheme === 'file' && rest !== '') return { kind: 'file', path: rest };
  if (scheme === 'ws') return { kind: 'ws', port: port(rest) };
  if (scheme !== undefined || text === '') {
    throw new Error('must be stdout, a file, avro:DIR, kinesis:NAME, firehose:NAME, ws:PORT or null');
  }
  return { kind: 'file', path: text };
}

/** The address as it stands in a checkpoint and in messages. */
export function sourceText(address: SourceAddress): string {
  switch (address.kind) {
    case 'kinesis':
      return `kinesis:${address.stream}`;
    case 's3':
      return `s3://${address.bucket}/${address.prefix}`;
    case 'paths':
      return address.paths.join(', ');
  }
}

export function sinkText(address: SinkAddress): string {
  switch (address.kind) {
    case 'stdout':
    case 'null':
      return address.kind;
    case 'file':
      return address.path;
    case 'avro':
      return `avro:${address.folder}`;
    case 'kinesis':
      return `kinesis:${address.stream}`;
    case 'firehose':
      return `firehose:${address.deliveryStream}`;
    case 'ws':
      return `ws:${address.port}`;
  }
}

function streamName(text: string): string {
  if (!STREAM_NAME.test(text)) {
    throw new Error('a stream’s name has 1 to 128 letters, digits, dots, underscores or hyphens');
  }
  return text;
}

function port(text: string): number {
  try {
    return integer(0, 65_535)(text);
  } catch {
    throw new Error('must be like ws:9443; ws:0 takes a free port');
  }
}

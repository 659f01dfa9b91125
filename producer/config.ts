/**
 * Every setting of the producer in one place: flag, environment variable, default, unit, check.
 * `--help`, the README's settings table and the service itself read this list.
 */
import { DepthlakeError } from './errors.ts';

/** One setting. `parse` throws an Error that says which values are allowed. */
export interface Setting<T> {
  /** Long flag without dashes; the environment variable is `DEPTHLAKE_` and the same in upper case. */
  readonly flag: string;
  /** What stands behind the flag in `--help`; absent for a switch. */
  readonly argument?: string;
  readonly help: string;
  readonly unit?: string;
  /** As a user would write it; undefined: not set. */
  readonly default?: string;
  /** Another variable than `DEPTHLAKE_…`, or null for none. */
  readonly env?: string | null;
  readonly parse: (text: string) => T;
}

type Settings = Record<string, Setting<unknown>>;

/** The values of a list of settings; a setting without a default may be undefined. */
export type ValuesOf<S extends Settings> = {
  [K in keyof S]: S[K] extends { default: string } ? ReturnType<S[K]['parse']> : ReturnType<S[K]['parse']> | undefined;
};

export const VENUES = ['binance.us', 'binance.com', 'local'] as const;
export type VenueName = (typeof VENUES)[number];

/** Where snapshots come from: partial books, partial books proved by diffs, or a book rebuilt from diffs. */
export const BOOK_MODES = ['depth20', 'witness', 'full'] as const;
export type BookMode = (typeof BOOK_MODES)[number];

/** Part `index` (from 1) of `count` producers that share the symbols. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Where the last recorded state of each symbol is kept. */
export type StateSetting =
  | { readonly kind: 'file' }
  | { readonly kind: 'none' }
  | { readonly kind: 'dynamodb'; readonly table: string };

/** The settings that `start`, `record` and the service share. */
export const FEED_SETTINGS = {
  venue: {
    flag: 'venue',
    argument: '<name>',
    help: `Exchange to record: ${VENUES.join(', ')} (a simulated one on this machine)`,
    default: 'binance.us',
    parse: oneOf(VENUES),
  },
  symbols: {
    flag: 'symbols',
    argument: '<list>',
    help: 'Symbols to record, separated by commas: names, patterns like BTC*, or all (those that trade, read again every hour)',
    default: 'BTCUSDT',
    parse: symbolPatterns,
  },
  shard: {
    flag: 'shard',
    argument: '<k/n>',
    help: 'Record only part k of n of the symbols, so that n producers share them without a coordinator',
    default: '1/1',
    parse: shard,
  },
  book: {
    flag: 'book',
    argument: '<mode>',
    help: 'depth20: the best 20 levels as the venue sends them, without proof; witness: the same, proved by diffs; full: the whole book, rebuilt from diffs',
    default: 'depth20',
    parse: oneOf(BOOK_MODES),
  },
  handOverMs: {
    flag: 'hand-over',
    argument: '<time>',
    help: 'Age at which a connection is replaced, before the venue ends it at 24 h; up to a tenth sooner, so that connections take turns',
    unit: 'ms, s, m, h',
    default: '23h',
    parse: duration(1_000, 24 * 3_600_000),
  },
  wsUrl: {
    flag: 'ws-url',
    argument: '<url>',
    help: 'WebSocket host instead of the venue’s',
    parse: url('ws:', 'wss:'),
  },
  restUrl: {
    flag: 'rest-url',
    argument: '<url>',
    help: 'REST host instead of the venue’s',
    parse: url('http:', 'https:'),
  },
  everyMs: {
    flag: 'every',
    argument: '<time>',
    help: 'Record the last snapshot of each interval, aligned to the clock; `frame` records each frame',
    unit: 'ms, s, m, h',
    default: 'frame',
    parse: (text) => (text === 'frame' ? 0 : duration(100, 3_600_000)(text)),
  },
  rawLevels: {
    flag: 'raw-levels',
    help: 'Fill top_bids and top_asks with the best 20 raw levels',
    default: 'false',
    parse: boolean,
  },
  durationMs: {
    flag: 'duration',
    argument: '<time>',
    help: 'Stop by itself after this time (default: run until Ctrl-C)',
    unit: 'ms, s, m, h',
    parse: duration(100, 24 * 86_400_000),
  },
} as const satisfies Settings;

/** The settings of the way into Kinesis. */
export const STREAM_SETTINGS = {
  stream: {
    flag: 'stream',
    argument: '<name>',
    help: 'Kinesis stream to write to',
    default: 'depthlake',
    parse: name,
  },
  lingerMs: {
    flag: 'linger',
    argument: '<time>',
    help: 'Longest time that a row waits for others to share its Kinesis record',
    unit: 'ms, s, m, h',
    default: '1s',
    parse: duration(0, 60_000),
  },
  lanes: {
    flag: 'lanes',
    argument: '<n>',
    help: 'Number of partition keys; each sends a record per linger, billed as at least 5 KB by Firehose',
    default: '8',
    parse: integer(1, 1024),
  },
  queueMib: {
    flag: 'queue',
    argument: '<n>',
    help: 'Memory for rows that neither Kinesis nor the spill has taken; beyond it the newest are refused, counted and named',
    unit: 'MiB',
    default: '32',
    parse: integer(1, 4096),
  },
  work: {
    flag: 'work',
    argument: '<dir>',
    help: 'Folder of what outlives a session: the spill, and the state where it is a file',
    default: './.depthlake',
    parse: (text) => text,
  },
  spillMib: {
    flag: 'spill',
    argument: '<n>',
    help: 'Disk for packs that Kinesis has not accepted within 2 s; 0: none',
    unit: 'MiB',
    default: '1024',
    parse: integer(0, 1_048_576),
  },
  spillTo: {
    flag: 'spill-to',
    argument: '<s3 url>',
    help: 'Where a session that ends puts what is still spilled, for recovery; without it the next session takes it',
    parse: s3Url,
  },
  state: {
    flag: 'state',
    argument: '<store>',
    help: 'Where the last recorded state of each symbol is kept, so that gaps are known across restarts: file, dynamodb:TABLE, or none',
    default: 'file',
    parse: stateStore,
  },
} as const satisfies Settings;

/** The settings of how the producer shows itself. */
export const MONITOR_SETTINGS = {
  monitor: {
    flag: 'monitor',
    argument: '<host:port>',
    help: 'Serve /healthz, /readyz and /metrics there; port 0 takes a free one, `off` serves nothing',
    default: '127.0.0.1:0',
    parse: listenAddress,
  },
  metrics: {
    flag: 'metrics',
    argument: '<format>',
    help: 'emf: also log the figures once a minute in CloudWatch’s embedded metric format',
    default: 'prometheus',
    parse: oneOf(['prometheus', 'emf']),
  },
  stack: {
    flag: 'stack',
    argument: '<name>',
    help: 'Dimension `stack` of the figures',
    default: 'local',
    parse: name,
  },
  producer: {
    flag: 'producer',
    argument: '<name>',
    help: 'Dimension `producer` of the figures: the same over restarts of one producer',
    default: 'producer-1',
    parse: name,
  },
  logLevel: {
    flag: 'log-level',
    argument: '<level>',
    help: 'Least level of what is logged',
    default: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error']),
  },
} as const satisfies Settings;

export type FeedConfig = ValuesOf<typeof FEED_SETTINGS>;
export type StreamConfig = ValuesOf<typeof STREAM_SETTINGS>;
export type MonitorConfig = ValuesOf<typeof MONITOR_SETTINGS>;

/** The environment variable of a setting, or null where it has none. */
export function variableOf(setting: Setting<unknown>): string | null {
  return setting.env === undefined ? `DEPTHLAKE_${setting.flag.replaceAll('-', '_').toUpperCase()}` : setting.env;
}

/**
 * Reads settings: a flag wins over its environment variable, that over the default.
 * @param flags what the command line gave, by the settings' names (`everyMs`), as text; `true` for a switch
 * @throws DL_SETTINGS that names every bad value at once
 */
export function readSettings<S extends Settings>(
  settings: S,
  flags: Readonly<Record<string, string | boolean | undefined>>,
  env: Readonly<Record<string, string | undefined>>,
): ValuesOf<S> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, setting] of Object.entries(settings)) {
    const variable = variableOf(setting);
    const fromFlag = flags[name];
    const fromEnv = variable === null ? undefined : env[variable];
    const text = fromFlag ?? (fromEnv === '' ? undefined : fromEnv) ?? setting.default;
    if (text === undefined) continue;
    try {
      values[name] = setting.parse(String(text));
    } catch (error) {
      const shown = String(text).length > 80 ? `${String(text).slice(0, 79)}…` : text;
      const source = fromFlag === undefined ? `${variable}=${shown}` : `--${setting.flag} ${shown}`;
      problems.push(`${source}: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new DepthlakeError('DL_SETTINGS', problems.join('\n'));
  return values as ValuesOf<S>;
}

export function oneOf<const T extends string>(allowed: readonly T[]): (text: string) => T {
  return (text) => {
    if (!allowed.includes(text as T)) throw new Error(`must be one of ${allowed.join(', ')}`);
    return text as T;
  };
}

export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new Error(`must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time like `250ms`, `1s`, `5m`, `2h`, `1d`, in milliseconds. A timer of Node ends at once beyond 2^31 ms, 24.8 days. */
export function duration(leastMs: number, mostMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
    const value = match ? Number(match[1]) * (UNITS[match[2]!] ?? Number.NaN) : Number.NaN;
    if (!(value >= leastMs && value <= mostMs)) {
      throw new Error(`must be a time like 250ms, 1s, 5m or 2h, from ${timeText(leastMs)} to ${timeText(mostMs)}`);
    }
    return value;
  };
}

function timeText(ms: number): string {
  const units = Object.entries(UNITS).filter(([, unit]) => ms >= unit && ms % unit === 0);
  const [name, unit] = units.at(-1) ?? ['ms', 1];
  return `${ms / unit}${name}`;
}

export function boolean(text: string): boolean {
  if (['true', '1', 'yes'].includes(text)) return true;
  if (['false', '0', 'no'].includes(text)) return false;
  throw new Error('must be true or false');
}

export function url(...protocols: string[]): (text: string) => URL {
  return (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null;
    if (parsed === null || !protocols.includes(parsed.protocol)) {
      throw new Error(`must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`);
    }
    if (parsed.search !== '' || parsed.hash !== '') throw new Error('must have no query and no fragment');
    return parsed;
  };
}

/** A venue lists some hundreds. */
const MAX_SYMBOLS = 1024;

function symbolPatterns(text: string): string[] {
  const patterns = [...new Set(text.split(',').map((part) => part.trim().toUpperCase()))];
  const bad = patterns.find((pattern) => !/^[A-Z0-9_*]{1,30}$/.test(pattern));
  if (bad !== undefined) {
    throw new Error(`"${bad}" is no symbol; write them like BTCUSDT,ETHUSDT, with * for any characters, or all`);
  }
  if (patterns.length > MAX_SYMBOLS) throw new Error(`at most ${MAX_SYMBOLS.toLocaleString('en-US')} symbols`);
  return patterns.map((pattern) => (pattern === 'ALL' ? '*' : pattern));
}

const MAX_SHARDS = 64;

function shard(text: string): Shard {
  const match = /^(\d{1,2})\/(\d{1,2})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!(index >= 1 && index <= count && count <= MAX_SHARDS)) {
    throw new Error(`must be a part and a whole like 2/4, with a whole of at most ${MAX_SHARDS}`);
  }
  return { index, count };
}

function stateStore(text: string): StateSetting {
  if (text === 'file' || text === 'none') return { kind: text };
  const table = /^dynamodb:([a-zA-Z0-9_.-]{3,255})$/.exec(text)?.[1];
  if (table === undefined) throw new Error('must be file, dynamodb:TABLE or none');
  return { kind: 'dynamodb', table };
}

/** An address to listen on, or null for none. */
function listenAddress(text: string): { readonly host: string; readonly port: number } | null {
  if (text === 'off') return null;
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new Error('must be a port, host:port, or off');
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}

/** A place in S3: bucket and the prefix before every key, which is empty or ends with a slash. */
function s3Url(text: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text);
  if (match === null) throw new Error('must be like s3://bucket/prefix');
  const prefix = (match[2] ?? '').replace(/\/+$/, '');
  return { bucket: match[1]!, prefix: prefix === '' ? '' : `${prefix}/` };
}

function name(text: string): string {
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(text)) {
    throw new Error('must be 1 to 128 letters, digits, dots, underscores or hyphens');
  }
  return text;
}

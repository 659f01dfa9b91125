/** The bodies of injected messages: broken ones, foreign ones, and partial books that cannot be used. */
import type { Message } from './protocol.ts';
import type { Random } from './random.ts';

export interface BadFrame {
  readonly body: string;
  /** Sent as it stands, in no combined form: it is no JSON. */
  readonly raw: boolean;
}

const NOT_JSON: readonly ((body: string) => string)[] = [
  (body) => body.slice(0, body.length / 2),
  () => '',
  () => 'Internal error',
];

const BROKEN: readonly ((body: string) => string)[] = [
  (body) => body.replace(/"\d+\.\d+"/, '"1e5"'),
  (body) => body.replace(/"\d+\.\d+"/, '"-1.00000000"'),
  (body) => body.replace(/,"(asks|a)":/, ',"$1":null,"rest":'),
  (body) => body.replace(/"(lastUpdateId|u)":\d+/, '"$1":"none"'),
];

/** Cut off, no JSON, a number that is none, or a side that is missing. */
export function malformed({ body }: Message, random: Random): BadFrame {
  const which = random.below(NOT_JSON.length + BROKEN.length);
  const broken = BROKEN[which - NOT_JSON.length]?.(body) ?? body;
  // What a breakage does not apply to would go out unharmed.
  if (broken !== body) return { body: broken, raw: false };
  return { body: NOT_JSON[which % NOT_JSON.length]!(body), raw: true };
}

/** A futures book, which comes under the same stream names, or a ticker. */
export function foreign({ stream, id }: Message, random: Random): BadFrame {
  const s = stream.slice(0, Math.max(0, stream.indexOf('@'))).toUpperCase();
  const u = id ?? 1;
  const futures = { e: 'depthUpdate', E: u, T: u, s, ps: s, U: u, u, pu: u - 1, b: LEVEL('1'), a: LEVEL('2') };
  const ticker = { u, s, c: '1.50000000', Q: '1.00000000', b: '1.00000000', B: '1.00000000' };
  return { body: JSON.stringify(random.chance(0.5) ? futures : ticker), raw: false };
}

const LEVEL = (price: string) => [[`${price}.00000000`, '1.00000000']];

interface PartialBook {
  lastUpdateId: number;
  bids: [string, string][];
  asks: [string, string][];
}

/** A partial book without bids or without asks. Its id is free: simulated frames are at least three updates apart. */
export function emptySide({ body }: Message, random: Random): BadFrame {
  const book = JSON.parse(body) as PartialBook;
  const side = random.chance(0.5) ? 'bids' : 'asks';
  return { body: JSON.stringify({ ...book, lastUpdateId: book.lastUpdateId - 2, [side]: [] }), raw: false };
}

/** A partial book whose best bid is its last ask; its id is free, as in `emptySide`. */
export function crossedBook({ body }: Message): BadFrame {
  const book = JSON.parse(body) as PartialBook;
  const bids = [...book.asks.slice(-1), ...book.bids].slice(0, Math.max(1, book.bids.length));
  return { body: JSON.stringify({ ...book, lastUpdateId: book.lastUpdateId - 1, bids }), raw: false };
}

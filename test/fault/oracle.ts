/** What the exchange's own books were: kept from what it published before any fault, independent of the producer. */
import type { Exchange, Message, Published } from '../../infra/local/exchange.ts';
import type { TextLevel } from '../producer/book/reference.ts';

export interface PublishedId {
  readonly id: number;
  /** UTC epoch ms. */
  readonly atMs: number;
  /** Whether it was handed to a socket. */
  readonly sent: boolean;
  /** Whether that was after a higher id of its stream. */
  readonly late: boolean;
}

/** What was handed to sockets of one stream. */
interface Sent {
  readonly ids: Set<number>;
  readonly late: Set<number>;
  highest: number;
}

/** The exchange's whole book at one id, each side best level first; the arrays change with the next step of the walk. */
export interface OracleBook {
  readonly id: number;
  readonly bids: readonly TextLevel[];
  readonly asks: readonly TextLevel[];
}

interface Body {
  readonly lastUpdateId: number;
  readonly bids: readonly TextLevel[];
  readonly asks: readonly TextLevel[];
  readonly b: readonly TextLevel[];
  readonly a: readonly TextLevel[];
}

export class Oracle {
  readonly #published = new Map<string, Published[]>();
  readonly #sent = new Map<string, Sent>();
  readonly #begins = new Map<string, Body>();

  /** To be given to the exchange as `onPublished`. */
  readonly onPublished = (message: Published): void => {
    // The book follows from the diffs: of the frames only the ids are needed.
    const kept = message.kind === 'diff' ? message : { ...message, body: '' };
    const list = this.#published.get(message.stream) ?? [];
    list.push(kept);
    this.#published.set(message.stream, list);
  };

  /** To be given to the exchange as `onSent`. */
  readonly onSent = ({ stream, id }: Message): void => {
    if (id === null) return;
    const sent = this.#sent.get(stream) ?? { ids: new Set(), late: new Set(), highest: 0 };
    this.#sent.set(stream, sent);
    if (id < sent.highest && !sent.ids.has(id)) sent.late.add(id);
    sent.ids.add(id);
    sent.highest = Math.max(sent.highest, id);
  };

  /** Keeps the books as they are before the diffs that follow. */
  begin(exchange: Pick<Exchange, 'symbols' | 'bookAt'>): void {
    for (const symbol of exchange.symbols) this.#begins.set(symbol, JSON.parse(exchange.bookAt(symbol)!) as Body);
  }

  /** What a stream was given, in order. */
  ids(symbol: string, kind: 'frame' | 'diff'): PublishedId[] {
    const stream = streamOf(symbol, kind);
    const sent = this.#sent.get(stream);
    const published = this.#published.get(stream) ?? [];
    return published.map(({ id, atMs }) => ({
      id,
      atMs,
      sent: sent?.ids.has(id) ?? false,
      late: sent?.late.has(id) ?? false,
    }));
  }

  /** The book at the last id of each diff, in order. */
  *books(symbol: string): Generator<OracleBook> {
    const begin = this.#begins.get(symbol)!;
    const bids = new Side(-1);
    const asks = new Side(1);
    bids.take(begin.bids);
    asks.take(begin.asks);
    let lastId = begin.lastUpdateId;
    for (const { id, firstId, body } of this.#published.get(streamOf(symbol, 'diff')) ?? []) {
      if (id <= lastId) continue;
      if (firstId === null || firstId > lastId + 1) throw new Error(`the oracle itself has a hole before ${id}`);
      const { b, a } = JSON.parse(body) as Body;
      bids.take(b);
      asks.take(a);
      lastId = id;
      yield { id, bids: bids.levels, asks: asks.levels };
    }
  }
}

function streamOf(symbol: string, kind: 'frame' | 'diff'): string {
  return `${symbol.toLowerCase()}@${kind === 'frame' ? 'depth20' : 'depth'}@100ms`;
}

class Side {
  readonly levels: TextLevel[] = [];
  /** Prices in units of 1e-8, times the sign that puts the best first. */
  readonly #keys: number[] = [];
  readonly #sign: 1 | -1;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  take(changes: readonly TextLevel[]): void {
    for (const [price, quantity] of changes) this.#set(price, quantity);
  }

  #set(price: string, quantity: string): void {
    // The exchange writes all 8 places.
    const key = this.#sign * Number(price.replace('.', ''));
    const index = this.#indexOf(key);
    const found = this.#keys[index] === key ? 1 : 0;
    if (Number(quantity) === 0) {
      this.#keys.splice(index, found);
      this.levels.splice(index, found);
    } else {
      this.#keys.splice(index, found, key);
      this.levels.splice(index, found, [price, quantity]);
    }
  }

  /** Where the key is, or belongs. */
  #indexOf(key: number): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

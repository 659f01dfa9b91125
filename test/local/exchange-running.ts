/** A running exchange on a manual clock, with what tests do to it; it is closed after each test. */
import { afterEach } from 'vitest';
import { type Exchange, type ExchangeOptions, startExchange } from '../../infra/local/exchange.ts';
import { getJson, ManualClock, Subscriber } from './exchange-client.ts';

export const FRAMES = 'btcusdt@depth20@100ms';
export const DIFFS = 'btcusdt@depth@100ms';

const open: Exchange[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

export async function start(options: Partial<ExchangeOptions> = {}) {
  const clock = new ManualClock();
  const exchange = await startExchange({ symbols: ['BTCUSDT'], clock, ...options });
  open.push(exchange);
  const follow = (...streams: string[]) =>
    Subscriber.open(`${exchange.wsUrl}/stream?streams=${(streams.length > 0 ? streams : [FRAMES, DIFFS]).join('/')}`);
  const get = (path: string) => getJson(`${exchange.restUrl}/api/v3/${path}`);
  const book = async (limit = 5000) => (await get(`depth?symbol=BTCUSDT&limit=${limit}`)).body;
  return { exchange, clock, follow, get, book };
}

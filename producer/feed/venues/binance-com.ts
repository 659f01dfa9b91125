/** Binance.com, by its documentation of July 2026. */
import { binanceVenue } from '../binance.ts';

export const binanceCom = binanceVenue({
  name: 'binance.com',
  hosts: { wsUrl: 'wss://stream.binance.com:9443', restUrl: 'https://api.binance.com' },
  connectionLifeMs: 24 * 3_600_000,
  weightAMinute: 6_000,
  weights: { listing: 20, time: 1, book: 250, bookId: 5 },
});

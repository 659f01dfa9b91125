/** Binance.US, by its documentation of June 2024. */
import { binanceVenue } from '../binance.ts';

export const binanceUs = binanceVenue({
  name: 'binance.us',
  hosts: { wsUrl: 'wss://stream.binance.us:9443', restUrl: 'https://api.binance.us' },
  connectionLifeMs: 24 * 3_600_000,
  weightAMinute: 1_200,
  weights: { listing: 10, time: 1, book: 50, bookId: 1 },
});

/** The simulated exchange on this machine: it speaks as Binance.US does, and has no hosts until it is started. */
import { binanceVenue } from '../binance.ts';

export const local = binanceVenue({
  name: 'local',
  hosts: null,
  connectionLifeMs: 24 * 3_600_000,
  weightAMinute: 1_200,
  weights: { listing: 10, time: 1, book: 50, bookId: 1 },
});

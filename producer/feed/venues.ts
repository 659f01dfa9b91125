/** The venues that can be recorded, by name. */
import type { VenueName } from '../config.ts';
import type { Venue } from './venue.ts';
import { binanceCom } from './venues/binance-com.ts';
import { binanceUs } from './venues/binance-us.ts';
import { local } from './venues/local.ts';

const VENUE_OF: Record<VenueName, Venue> = { 'binance.us': binanceUs, 'binance.com': binanceCom, local };

export function venueOf(name: VenueName): Venue {
  return VENUE_OF[name];
}

/** One line of the estimate. */
import type { Price } from './prices.ts';

export interface Item {
  readonly service: string;
  readonly what: string;
  /** In `unit`, a month. */
  readonly quantity: number;
  readonly unit: string;
  /** Dollars for one `unit`. */
  readonly price: number;
  /** Dollars a month: quantity × price. */
  readonly usd: number;
  /** How the quantity comes about. */
  readonly rule: string;
  /** The page of AWS that sets the price and the rule. */
  readonly source: string;
  /** Whether the price was found in a report of 2025 or later. */
  readonly confirmed: boolean;
}

/** @param quantity in the unit of the price */
export function itemOf(service: string, what: string, price: Price, quantity: number, rule: string): Item {
  const { usd, unit, source, unconfirmed = false } = price;
  return { service, what, quantity, unit, price: usd, usd: quantity * usd, rule, source, confirmed: !unconfirmed };
}

export function totalOf(items: readonly Item[]): number {
  return items.reduce((sum, { usd }) => sum + usd, 0);
}

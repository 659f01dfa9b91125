/** Which connection follows which symbols: even at the start, and changed as little as possible later. */
import type { SlotPlan } from './signal.ts';

interface SlotAssignment {
  readonly plans: readonly SlotPlan[];
  /** The number of the next new slot: numbers are never used again. */
  readonly nextSlot: number;
}

export const NO_SLOTS: SlotAssignment = { plans: [], nextSlot: 0 };

/**
 * Assigns the symbols to slots of at most `most` each. A plan that does not change stays the same object; a slot that
 * is left without symbols ends.
 */
export function assignSlots(before: SlotAssignment, symbols: readonly string[], most: number): SlotAssignment {
  const wanted = new Set(symbols);
  const kept = before.plans.map((plan) => without(plan, wanted)).filter((plan) => plan.symbols.length > 0);
  const placed = new Set(kept.flatMap((plan) => plan.symbols));
  const added = [...wanted].filter((symbol) => !placed.has(symbol));
  if (kept.length === 0) return spread(added, most, before.nextSlot);
  return fill(kept, added, most, before.nextSlot);
}

function without(plan: SlotPlan, wanted: ReadonlySet<string>): SlotPlan {
  const symbols = plan.symbols.filter((symbol) => wanted.has(symbol));
  return symbols.length === plan.symbols.length ? plan : { slot: plan.slot, symbols };
}

function spread(symbols: readonly string[], most: number, firstSlot: number): SlotAssignment {
  const count = Math.ceil(symbols.length / most);
  const plans = Array.from({ length: count }, (_, i) => ({
    slot: firstSlot + i,
    symbols: symbols.filter((_symbol, position) => position % count === i),
  }));
  return { plans, nextSlot: firstSlot + count };
}

/** Each symbol goes where most room is, or into a new slot where there is none. */
function fill(kept: readonly SlotPlan[], added: readonly string[], most: number, firstSlot: number): SlotAssignment {
  const plans = [...kept];
  let nextSlot = firstSlot;
  for (const symbol of added) {
    const sizes = plans.map((plan) => plan.symbols.length);
    const least = Math.min(...sizes);
    if (least >= most) {
      plans.push({ slot: nextSlot, symbols: [symbol] });
      nextSlot += 1;
      continue;
    }
    const index = sizes.indexOf(least);
    const { slot, symbols } = plans[index]!;
    plans[index] = { slot, symbols: [...symbols, symbol] };
  }
  return { plans, nextSlot };
}

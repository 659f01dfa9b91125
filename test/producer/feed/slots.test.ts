import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignSlots, NO_SLOTS } from '../../../producer/feed/slots.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `S${i}`);

describe('the assignment of symbols to slots', () => {
  test('at the start they are spread evenly over as few slots as hold them', () => {
    expect(assignSlots(NO_SLOTS, names(5), 2).plans).toEqual([
      { slot: 0, symbols: ['S0', 'S3'] },
      { slot: 1, symbols: ['S1', 'S4'] },
      { slot: 2, symbols: ['S2'] },
    ]);
    expect(assignSlots(NO_SLOTS, names(401), 200).plans.map(({ symbols }) => symbols.length)).toEqual([134, 134, 133]);
  });

  test('a new symbol goes where most room is, and the other slots stay as they are', () => {
    const before = assignSlots(NO_SLOTS, names(5), 2);
    const after = assignSlots(before, [...names(5), 'NEW'], 2);

    expect(after.plans[2]).toEqual({ slot: 2, symbols: ['S2', 'NEW'] });
    expect(after.plans[0]).toBe(before.plans[0]);
    expect(after.plans[1]).toBe(before.plans[1]);
  });

  test('where no room is, it gets a slot of a new number', () => {
    const before = assignSlots(NO_SLOTS, names(4), 2);
    const after = assignSlots(before, [...names(4), 'NEW', 'NEWER'], 2);

    expect(after.plans).toEqual([...before.plans, { slot: 2, symbols: ['NEW', 'NEWER'] }]);
  });

  test('a symbol that leaves changes its own slot alone', () => {
    const before = assignSlots(NO_SLOTS, names(4), 2);
    const after = assignSlots(before, ['S0', 'S1', 'S3'], 2);

    expect(after.plans[0]).toEqual({ slot: 0, symbols: ['S0'] });
    expect(after.plans[1]).toBe(before.plans[1]);
  });

  test('a slot without symbols ends, and its number never comes again', () => {
    const start = assignSlots(NO_SLOTS, names(2), 1);
    const one = assignSlots(start, ['S0'], 1);
    const again = assignSlots(one, ['S0', 'S1'], 1);
    const none = assignSlots(again, [], 1);
    const anew = assignSlots(none, ['S0'], 1);

    expect(one.plans).toEqual([{ slot: 0, symbols: ['S0'] }]);
    expect(again.plans.map(({ slot }) => slot)).toEqual([0, 2]);
    expect(none.plans).toEqual([]);
    expect(anew.plans).toEqual([{ slot: 3, symbols: ['S0'] }]);
  });

  test('whatever comes and goes: each symbol has exactly one slot, none has too many, no number is used again', () => {
    const steps = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 30 })), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (sets, most) => {
        let assignment = NO_SLOTS;
        const ended = new Set<number>();
        for (const set of sets) {
          const symbols = set.map((n) => `S${n}`);
          const before = assignment;
          assignment = assignSlots(before, symbols, most);
          const { plans } = assignment;

          expect(plans.flatMap((plan) => plan.symbols).sort()).toEqual([...symbols].sort());
          expect(plans.every((plan) => plan.symbols.length >= 1 && plan.symbols.length <= most)).toBe(true);
          expect(plans.some(({ slot }) => ended.has(slot))).toBe(false);
          for (const { slot } of before.plans) if (!plans.some((plan) => plan.slot === slot)) ended.add(slot);
          for (const plan of before.plans) {
            const after = plans.find(({ slot }) => slot === plan.slot);
            const stays = plan.symbols.filter((symbol) => symbols.includes(symbol));
            expect(after?.symbols.slice(0, stays.length) ?? []).toEqual(stays);
          }
        }
      }),
    );
  });
});

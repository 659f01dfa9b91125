import { describe, expect, test } from 'vitest';
import { boundedAdmission } from '../../producer/admission.ts';

const MIB = 1024 * 1024;

function admission(queueMib: number) {
  const state = { bytes: 0 };
  const logged: string[] = [];
  const bounded = boundedAdmission(
    queueMib,
    () => state.bytes,
    (_, event) => logged.push(event),
  );
  const takes = (bytes: number) => {
    state.bytes = bytes;
    return { snapshot: bounded.snapshot(), event: bounded.event() };
  };
  return { takes, logged };
}

describe('the memory for rows that Kinesis has not accepted', () => {
  test('takes snapshots up to its bound and feed events up to 4 MiB more', () => {
    const { takes } = admission(8);

    expect(takes(8 * MIB - 1)).toEqual({ snapshot: true, event: true });
    expect(takes(8 * MIB)).toEqual({ snapshot: false, event: true });
    expect(takes(12 * MIB - 1)).toEqual({ snapshot: false, event: true });
    expect(takes(12 * MIB)).toEqual({ snapshot: false, event: false });
  });

  test('takes snapshots again once an eighth is free, and says both once', () => {
    const { takes, logged } = admission(8);

    const taken = [8, 7.9, 7, 6.99, 7.5].map((mib) => takes(mib * MIB).snapshot);

    expect(taken).toEqual([false, false, false, true, true]);
    expect(logged).toEqual(['queue_full', 'queue_has_room']);
  });
});

/**
 * What the memory for rows that neither Kinesis nor the spill has taken holds: snapshots up to its bound, feed events up to a reserve
 * beyond it, because they are what explains the hole.
 */
import type { Log } from './log.ts';

export interface Admission {
  snapshot(): boolean;
  event(): boolean;
}

const MIB = 1024 * 1024;
const EVENT_RESERVE_BYTES = 4 * MIB;
/** Once full, snapshots are taken again when an eighth is free, so that refusals come in few ranges. */
const ROOM_AGAIN = 0.875;

/** @param queuedBytes memory of all rows that neither Kinesis nor the spill has taken */
export function boundedAdmission(queueMib: number, queuedBytes: () => number, log: Log): Admission {
  const bound = queueMib * MIB;
  let full = false;
  return {
    snapshot() {
      const bytes = queuedBytes();
      const before = full;
      full = bytes >= (full ? bound * ROOM_AGAIN : bound);
      if (full !== before)
        log(full ? 'error' : 'info', full ? 'queue_full' : 'queue_has_room', { queued_bytes: bytes });
      return !full;
    },
    event: () => queuedBytes() < bound + EVENT_RESERVE_BYTES,
  };
}

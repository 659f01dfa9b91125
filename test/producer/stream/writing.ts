/** A Kinesis writer whose `put`, clock and randomness a test holds. */
import type { Log } from '../../../producer/log.ts';
import type { PutPacks } from '../../../producer/stream/lanes.ts';
import type { Pack } from '../../../producer/stream/packs.ts';
import { KinesisWriter, type WriterEdge } from '../../../producer/stream/writer.ts';
import { VirtualClock } from '../virtual-clock.ts';

export const throttle = 'ProvisionedThroughputExceededException';

/** A pack whose data names it: lane, number, padded to a size. */
export function pack(lane: number, number: number, bytes = 16): Pack {
  const data = Buffer.alloc(bytes, 32);
  data.write(`${lane}/${number}`);
  return {
    lane: `lane-${lane}`,
    table: 'order_book',
    rows: 2,
    lineBytes: 2 * bytes,
    data,
    openedMs: 0,
    marks: [],
    receivedMs: [],
  };
}

export const nameOf = ({ data }: Pack) => data.subarray(0, 16).toString().trim();

export function writing(put: PutPacks, random = () => 1, edge: Partial<WriterEdge> = {}) {
  const clock = new VirtualClock();
  const accepted: string[] = [];
  const logged: [string, object | undefined][] = [];
  const log: Log = (_, event, fields) => logged.push([event, fields]);
  const writer = new KinesisWriter({
    put,
    scheduler: clock,
    random,
    log,
    onAccepted: (done) => accepted.push(nameOf(done)),
    ...edge,
  });
  return { clock, writer, accepted, logged };
}

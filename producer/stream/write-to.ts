/** The end of the pipe: packs into the writer, and the wait for the last of them. */
import { Observable, type OperatorFunction, type SchedulerLike } from 'rxjs';
import type { Pack } from './packs.ts';
import type { KinesisWriter } from './writer.ts';

/** How long the end waits for a disk; supervisors kill after 30 s, and 20 of them may have gone to Kinesis. */
const DISK_MS = 5_000;

/**
 * Writes packs and completes when Kinesis accepted them all, or `flushMs` after the last one with the rest in the spill
 * (`writer.spilledRows` of them) and what that does not take unsent (`writer.queuedRows`).
 */
export function writeTo(
  writer: KinesisWriter,
  flushMs: number,
  scheduler: SchedulerLike,
): OperatorFunction<Pack, never> {
  return (packs) =>
    new Observable((subscriber) => {
      const end = () => {
        subscriber.add(scheduler.schedule(() => subscriber.complete(), DISK_MS));
        void writer.stop().then(() => subscriber.complete());
      };
      subscriber.add(() => void writer.stop());
      subscriber.add(
        packs.subscribe({
          next: (pack) => writer.write(pack),
          error: (error) => subscriber.error(error),
          complete() {
            subscriber.add(scheduler.schedule(end, flushMs));
            writer.onIdle = () => subscriber.complete();
            if (writer.isIdle) subscriber.complete();
          },
        }),
      );
    });
}

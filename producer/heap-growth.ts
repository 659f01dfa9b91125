/** How far V8's heap may grow before it is collected. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 lets a small heap grow to four times what is alive before it collects the whole of it: 300 MB and more for the
 * books of 256 symbols, of which 35 MB are alive. At half as much again it collects every few seconds.
 */
const HEAP_GROWTH = '--heap-growing-percent=50';

/** For a process that does one thing, from its beginning on; of the whole process, so no library calls it. */
export function collectInTime(): void {
  setFlagsFromString(HEAP_GROWTH);
}

/** Takes rows and keeps none: for measuring. */
import type { Sink } from '../../../producer/replay/sink.ts';

export function nullSink(): Sink {
  let writes = 0;
  const accepted = async () => ({ writes, state: null });
  return {
    write: async () => {
      writes += 1;
    },
    accepted,
    end: accepted,
    close: async () => {},
  };
}

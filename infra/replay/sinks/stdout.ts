/** Rows as lines to standard output: one batch at a time leaves the process before the next is taken. */
import type { Accepted, Sink } from '../../../producer/replay/sink.ts';
import type { Output } from '../../terminal.ts';
import type { LineFormat } from './line-format.ts';

/**
 * What a pipe took is accepted for good. The format's head comes once, also where no row does.
 * @throws `write`, `end`: DL_OUTPUT_FAILED
 */
export function openStdoutSink(output: Output, format: LineFormat): Sink {
  let head = format.head;
  let writes = 0;
  const accepted = async (): Promise<Accepted> => ({ writes, state: null });
  const send = async (text: string): Promise<void> => {
    const whole = head + text;
    head = '';
    await output.write(whole);
  };
  return {
    write: async (rows) => {
      await send(format.lines(rows));
      writes += 1;
    },
    accepted,
    end: async () => {
      await send('');
      return accepted();
    },
    close: async () => {},
  };
}

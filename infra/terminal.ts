/**
 * Standard output and standard error as a command writes to them: one write at a time (back-pressure), a closed pipe
 * and a full disk told apart, colours and a live line only on a terminal.
 */
import type { Writable } from 'node:stream';
import { DepthlakeError, reasonOf } from '../producer/errors.ts';

/** What is used of `process.stdout` and `process.stderr`. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const ESCAPES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
export type Paint = Record<keyof typeof ESCAPES, (text: string) => string>;

const CLEAR_LINE = '\r\x1b[2K';

/** Unpainted text, unless `coloured`. */
function paintOf(coloured: boolean): Paint {
  const entries = Object.entries(ESCAPES).map(([name, code]) => [
    name,
    (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text),
  ]);
  return Object.fromEntries(entries);
}

export interface OutputOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The reader of the pipe is gone; later writes go nowhere. */
  readonly onClosed: () => void;
}

/** One of the process's two outputs. */
export class Output {
  readonly isTerminal: boolean;
  readonly paint: Paint;
  readonly #stream: OutputStream;
  readonly #onClosed: () => void;
  #closed = false;
  #live = '';

  constructor(stream: OutputStream, { env, onClosed }: OutputOptions) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.isTerminal = stream.isTTY === true;
    // https://no-color.org: present and not empty.
    this.paint = paintOf(this.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
    // The failure of a write is told by its callback; without a listener the event would end the process.
    stream.on('error', () => {});
  }

  /** Columns of the terminal; 80 where there is none. */
  get columns(): number {
    return this.#stream.columns || 80;
  }

  /**
   * Resolves when the text has left the process, so whoever awaits it holds one text in memory.
   * @throws DL_OUTPUT_FAILED where the output cannot be written, as on a full disk
   */
  async write(text: string): Promise<void> {
    const live = this.#live;
    await this.#send(live === '' ? text : `${CLEAR_LINE}${text}${live}`);
  }

  /** Writes the text and a line feed. */
  line(text = ''): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** Replaces the live line below everything written; an empty one removes it. Nothing where this is no terminal. */
  live(text: string): void {
    if (!this.isTerminal || text === this.#live) return;
    this.#live = text.slice(0, this.columns - 1);
    this.#send(`${CLEAR_LINE}${this.#live}`).catch(() => {});
  }

  #send(text: string): Promise<void> {
    if (this.#closed || text === '') return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => {
        if (!error) resolve();
        else if (this.#isClosedBy(error)) {
          this.#close();
          resolve();
        } else reject(new DepthlakeError('DL_OUTPUT_FAILED', `cannot write the output: ${reasonOf(error)}`));
      };
      try {
        this.#stream.write(text, done);
      } catch (error) {
        done(error as Error);
      }
    });
  }

  /** A terminal that was closed answers EIO. */
  #isClosedBy(error: Error & { code?: string }): boolean {
    return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || (error.code === 'EIO' && this.isTerminal);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
  }
}

/** The live line on stderr: progress and status that nobody wants in a file. */
export class Terminal {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether anybody sees a live line. */
  get interactive(): boolean {
    return this.#output.isTerminal;
  }

  /** Replaces the live line. */
  status(text: string): void {
    this.#output.live(text);
  }

  /** Removes the live line. */
  clear(): void {
    this.#output.live('');
  }
}

/** A byte count as a reader takes it in: `0 B`, `24.1 kB`, `1.2 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** UTC epoch ms as ISO 8601; a number that is no date as it is. */
export function formatTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

/** `1 row`, `2,000 rows` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Columns aligned by their widest cell, numbers (cells that begin with a digit) to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (/^\d/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LineWriter } from '../../../producer/monitor/line-writer.ts';

/** A descriptor whose reader takes `room` bytes. */
class Reader {
  room = Number.POSITIVE_INFINITY;
  failure = 'EAGAIN';
  text = '';

  readonly take = (bytes: Buffer): number => {
    const taken = Math.min(this.room, bytes.length);
    if (taken === 0) throw Object.assign(new Error(this.failure), { code: this.failure });
    this.text += bytes.subarray(0, taken);
    this.room -= taken;
    return taken;
  };
}

describe('lines to a descriptor', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('are written before the call returns', () => {
    const reader = new Reader();

    new LineWriter(reader.take).write('one\n');

    expect(reader.text).toBe('one\n');
  });

  test('wait for a slow reader and come whole and in order', () => {
    const reader = new Reader();
    const lines = new LineWriter(reader.take);
    reader.room = 6;
    for (const line of ['one\n', 'two\n', 'three\n']) lines.write(line);
    expect(reader.text).toBe('one\ntw');

    reader.room = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(50);
    lines.write('four\n');

    expect(reader.text).toBe('one\ntwo\nthree\nfour\n');
    expect(lines.dropped).toBe(0);
  });

  test('are dropped and counted beyond 1 MiB, the newest first', () => {
    const reader = new Reader();
    const lines = new LineWriter(reader.take);
    reader.room = 0;
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 1030; i += 1) lines.write(line);
    expect(lines.dropped).toBe(6);

    reader.room = Number.POSITIVE_INFINITY;
    lines.close();

    expect(reader.text).toBe(line.repeat(1024));
  });

  test('never throw when nobody reads, and are counted', () => {
    const reader = new Reader();
    const lines = new LineWriter(reader.take);
    reader.room = 0;
    reader.failure = 'EPIPE';

    lines.write('one\n');
    lines.write('two\n');

    expect(lines.dropped).toBe(2);
  });
});

test('a process goes on when whoever read its stderr is gone', async () => {
  const module = fileURLToPath(new URL('../../../producer/monitor/line-writer.ts', import.meta.url));
  const script = `
    import { LineWriter } from ${JSON.stringify(module)};
    const lines = new LineWriter();
    lines.write('ready\\n');
    process.on('message', () => {
      for (let i = 0; i < 1000; i += 1) lines.write('nobody reads this\\n');
      process.send({ dropped: lines.dropped });
      process.disconnect();
    });
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
  });
  const exited = once(child, 'exit');
  const [ready] = await once(child.stderr!, 'data');
  child.stderr!.destroy();
  await once(child.stderr!, 'close');
  const answered = once(child, 'message');
  child.send('go');

  expect(String(ready)).toBe('ready\n');
  expect((await answered)[0]).toEqual({ dropped: 1000 });
  expect(await exited).toEqual([0, null]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Random } from '../../../infra/local/exchange/random.ts';
import { namesIn, openIn, spillFolder } from './spilling.ts';

const CHILD = fileURLToPath(new URL('spilling-process.ts', import.meta.url));
const SPILL_AFTER_MS = 2_000;
/** A timer on a busy machine, and the write itself. */
const TICK_MS = 700;

/** Runs a session, kills it so long after its first pack, and says what it had written: numbers and times. */
async function killedAfter(folder: string, ms: number): Promise<[number: number, writtenMs: number][]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child.stdout, 'data');
  await sleep(ms);
  child.kill('SIGKILL');
  await closed;
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => line.split(' ').map(Number) as [number, number]);
}

test('SIGKILL at any moment loses no pack that was written more than 2 s before', async () => {
  const random = new Random('spill');
  const moments = Array.from({ length: 6 }, () => 2_000 + random.next() * 5_000);

  const rounds = moments.map(async (ms) => {
    const folder = spillFolder();
    const written = await killedAfter(folder, ms);
    const { spill, recovered } = await openIn(folder, 'next');
    return { ms, written, recovered, names: await namesIn(spill) };
  });

  for (const { ms, written, recovered, names } of await Promise.all(rounds)) {
    const lastMs = written.at(-1)![1];
    const due = written.filter(([, writtenMs]) => writtenMs <= lastMs - SPILL_AFTER_MS - TICK_MS);
    const wholeOrder = written.map(([number]) => `${number % 4}/${number}`);
    if (ms > SPILL_AFTER_MS + 2 * TICK_MS) expect(due.length).toBeGreaterThan(0);
    expect(names.length).toBeGreaterThanOrEqual(due.length);
    expect(names).toEqual(wholeOrder.slice(0, names.length));
    expect(recovered.packs).toBe(names.length);
  }
});

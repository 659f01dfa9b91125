/**
 * A session whose Kinesis never answers, as a process that a test can kill: `spilling-process.ts <spill folder>`. Writes a
 * numbered pack every few ms, and says so on stdout: `<number> <when it was written, epoch ms>` a line.
 */
import { writeSync } from 'node:fs';
import { asyncScheduler } from 'rxjs';
import { openSpill } from '../../../producer/stream/open-spill.ts';
import { KinesisWriter } from '../../../producer/stream/writer.ts';
import { pack } from './writing.ts';

const PACK_EVERY_MS = 10;
const LANES = 4;
const PACK_BYTES = 4_000;

const [folder] = process.argv.slice(2);
const { spill } = await openSpill({
  folder: folder!,
  sessionId: 'killed',
  boundBytes: 1024 ** 3,
  scheduler: asyncScheduler,
  log: () => {},
});
const writer = new KinesisWriter({
  put: () => new Promise(() => {}),
  scheduler: asyncScheduler,
  random: Math.random,
  log: () => {},
  spill,
});

let number = 0;
setInterval(() => {
  writer.write(pack(number % LANES, number, PACK_BYTES));
  writeSync(1, `${number} ${Date.now()}\n`);
  number += 1;
}, PACK_EVERY_MS);

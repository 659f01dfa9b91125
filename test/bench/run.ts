/**
 * `npm run bench [-- --quick] [-- NAME…]`: runs every bench, which takes about twenty minutes, and writes RESULTS.md.
 * A quick run, and one of some benches only, prints its report instead.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bookBench } from './book.ts';
import { frameBench } from './frame.ts';
import { lambdaBench } from './lambda.ts';
import { producerBench } from './producer.ts';
import { replayBench } from './replay.ts';
import { replayKinesisBench } from './replay-kinesis.ts';
import { replayMemoryBench } from './replay-memory.ts';
import { type Bench, type Result, reportOf } from './report.ts';
import { sizesBench } from './sizes.ts';
import { startBench } from './start.ts';
import { transformerBench } from './transformer.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  frame: frameBench,
  book: bookBench,
  transformer: transformerBench,
  lambda: lambdaBench,
  sizes: sizesBench,
  start: startBench,
  replay: replayBench,
  'replay-kinesis': replayKinesisBench,
  'replay-memory': replayMemoryBench,
  depth20: producerBench('depth20'),
  full: producerBench('full'),
};

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const { quick } = values;
const unknown = positionals.find((name) => BENCHES[name] === undefined);
if (unknown !== undefined) throw new Error(`there is no bench "${unknown}", only ${Object.keys(BENCHES).join(', ')}`);
const names = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const isWhole = positionals.length === 0 && !quick;

/** One line that replaces itself, on a terminal only. */
function show(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}

const results: Result[] = [];
for (const { title, run } of names.map((name) => BENCHES[name]!)) {
  try {
    const outcome = await run({ quick, progress: (what) => show(`${title}: ${what}`) });
    results.push({ title, ...outcome });
  } catch (error) {
    show('');
    process.stderr.write(`${title} could not be measured: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
show('');

if (results.length === names.length) {
  const report = reportOf(results, quick, new Date());
  if (isWhole) writeFileSync(new URL('RESULTS.md', import.meta.url), report);
  else process.stdout.write(report);
  for (const { title, headline } of isWhole ? results : []) process.stdout.write(`${title}: ${headline}\n`);
}

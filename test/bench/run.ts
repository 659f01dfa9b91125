/** `npm run bench [-- --quick]`: runs every bench and writes RESULTS.md; a quick run prints it instead. */
import { writeFileSync } from 'node:fs';
import { bookBench } from './book.ts';
import { frameBench } from './frame.ts';
import { type Result, reportOf } from './report.ts';
import { startBench } from './start.ts';
import { transformerBench } from './transformer.ts';

const BENCHES = [frameBench, bookBench, transformerBench, startBench];
const quick = process.argv.includes('--quick');

/** One line that replaces itself, on a terminal only. */
function show(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}

const results: Result[] = [];
for (const { title, run } of BENCHES) {
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

if (results.length === BENCHES.length) {
  const report = reportOf(results, quick, new Date());
  if (quick) process.stdout.write(report);
  else writeFileSync(new URL('RESULTS.md', import.meta.url), report);
  for (const { title, headline } of quick ? [] : results) process.stdout.write(`${title}: ${headline}\n`);
}

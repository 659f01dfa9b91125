/** A replay of a lake in a folder, a pass for each line on stdin; argv: the folder, a file for JSON lines or ''. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openBucket } from '../../infra/local/s3.ts';
import { lakeSource } from '../../infra/replay/lake-source.ts';
import { openFileSink } from '../../infra/replay/sinks/file.ts';
import { lineFormat } from '../../infra/replay/sinks/line-format.ts';
import { nullSink } from '../../infra/replay/sinks/null.ts';
import { replayPass } from './replay-pass.ts';

export const LAKE_SCRIPT = fileURLToPath(import.meta.url);

if (process.argv[1] === LAKE_SCRIPT) {
  const [, , folder, file] = process.argv;
  const format = lineFormat('jsonl', new Set(['order_book']));
  const sink = () => (file ? openFileSink({ path: file, format, state: null, overwrite: true }) : nullSink());
  for await (const _ of createInterface({ input: process.stdin })) {
    const pass = await replayPass(lakeSource(openBucket(folder!), folder!), sink);
    process.stdout.write(`${JSON.stringify(pass)}\n`);
  }
}

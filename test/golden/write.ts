/**
 * Writes the golden container files of the data contract as it is now: one per table and codec, and their rows as JSON.
 * A released version is never written again; a new one gets a number of its own: `npx tsx test/golden/write.ts 2`.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { CODECS, writeContainerFile } from '../../transformer/container-file.ts';
import { GOLDEN_ROWS } from './rows.ts';

const SYNC_MARKER = Buffer.from('depthlake golden');
const version = process.argv[2];
if (version === undefined || !/^\d+$/.test(version)) throw new Error('name a version: a number');

function write(name: string, body: string | Buffer): void {
  const file = new URL(name, import.meta.url);
  if (existsSync(file)) throw new Error(`${name} exists, and golden files are never rewritten`);
  writeFileSync(file, body);
}

for (const codec of CODECS) {
  write(
    `v${version}-order_book-${codec}.avro`,
    writeContainerFile('order_book', GOLDEN_ROWS.order_book, codec, SYNC_MARKER),
  );
  write(
    `v${version}-feed_event-${codec}.avro`,
    writeContainerFile('feed_event', GOLDEN_ROWS.feed_event, codec, SYNC_MARKER),
  );
}
write(`v${version}.json`, `${JSON.stringify(GOLDEN_ROWS, null, 2)}\n`);

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TABLE_NAMES } from '../../producer/record.ts';
import { CODECS, writeContainerFile } from '../../transformer/container-file.ts';
import { feedEventRow, orderBookRow } from '../transformer/arbitrary-rows.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
/** Filled by .ci/run where Maven is there: see pom.xml. */
const JARS = path.join(here, '../../.venv/java');
const absent = existsSync(path.join(JARS, 'avro-1.12.1.jar'))
  ? ''
  : ' (skipped: the jars of pom.xml are not in .venv/java)';

const ROWS = {
  order_book: fc.sample(orderBookRow, { numRuns: 400, seed: 31 }),
  feed_event: fc.sample(feedEventRow, { numRuns: 400, seed: 31 }),
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'depthlake-java-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function readWithJava(files: readonly string[]): Promise<unknown[]> {
  const args = ['-cp', path.join(JARS, '*'), path.join(here, 'ReadAvro.java'), ...files];
  const { stdout } = await promisify(execFile)('java', args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe.skipIf(absent !== '')(`Avro Java reads${absent}`, () => {
  it('both tables in every codec, value for value', async () => {
    const cases = TABLE_NAMES.flatMap((table) => CODECS.map((codec) => ({ table, codec })));
    const files = cases.map(({ table, codec }) => path.join(folder, `${table}-${codec}.avro`));
    cases.forEach(({ table, codec }, at) => {
      writeFileSync(files[at]!, writeContainerFile(table, ROWS[table] as never, codec));
    });

    const lines = await readWithJava(files);

    expect(lines).toEqual(cases.flatMap(({ table, codec }) => [{ codec, count: 400 }, ...ROWS[table]]));
  });
});

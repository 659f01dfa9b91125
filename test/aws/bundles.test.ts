import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtBundles } from '../../infra/aws/bundles.ts';

/** Counts its runs, and leaves a bundle alone that is there, as the real one does with what comes out the same. */
const BUILD = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('runs', '.');
for (const name of ['producer', 'transformer']) {
  mkdirSync('dist/' + name, { recursive: true });
  if (!existsSync('dist/' + name + '/index.mjs')) writeFileSync('dist/' + name + '/index.mjs', name);
}
`;
const BROKEN_BUILD = `console.error('producer/main.ts:3:7: ERROR: Unexpected "}"'); process.exit(1);`;

/** All that has a time, folders too. */
const SOURCES = [
  'producer/feed/feed.ts',
  'producer/feed',
  'producer',
  'transformer/handler.ts',
  'transformer',
  'infra/build.mjs',
  'package.json',
  'package-lock.json',
];
const HOUR_S = 3_600;

describe('the bundles of a deployment', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'depthlake-bundles-'));
    write('producer/feed/feed.ts', 'export {};');
    write('transformer/handler.ts', 'export {};');
    write('package.json', '{}');
    write('package-lock.json', '{}');
    write('infra/build.mjs', BUILD);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  /** Sets the time of a file or folder, in seconds from now. */
  function age(path: string, seconds: number): void {
    const time = Date.now() / 1_000 + seconds;
    utimesSync(join(root, path), time, time);
  }
  /** As if built `seconds` from now. */
  function built(seconds: number): void {
    for (const name of ['producer', 'transformer']) {
      write(`dist/${name}/index.mjs`, `earlier ${name}`);
      age(`dist/${name}/index.mjs`, seconds);
    }
  }
  const runs = () => (existsSync(join(root, 'runs')) ? readFileSync(join(root, 'runs'), 'utf8').length : 0);

  it('are built where they are missing', async () => {
    const { producer, transformer } = await builtBundles(root);

    expect([producer, transformer]).toEqual([
      join(root, 'dist/producer/index.mjs'),
      join(root, 'dist/transformer/index.mjs'),
    ]);
    expect(readFileSync(producer, 'utf8')).toBe('producer');
    expect(readFileSync(transformer, 'utf8')).toBe('transformer');
  });

  it('are taken as they are where they are newer than every source', async () => {
    built(HOUR_S);
    await builtBundles(root);

    expect(runs()).toBe(0);
  });

  it.each(['producer/feed/feed.ts', 'transformer/handler.ts', 'package-lock.json', 'infra/build.mjs'])(
    'are built again after a change of %s',
    async (source) => {
      built(HOUR_S);
      age(source, 2 * HOUR_S);
      await builtBundles(root);

      expect(runs()).toBe(1);
    },
  );

  it('are built again where one of them was removed', async () => {
    built(HOUR_S);
    rmSync(join(root, 'dist/transformer'), { recursive: true });
    const { transformer } = await builtBundles(root);

    expect(readFileSync(transformer, 'utf8')).toBe('transformer');
  });

  it('are not built once more where a change of a source left them the same', async () => {
    for (const path of SOURCES) age(path, -HOUR_S);
    built(-2 * HOUR_S);
    await builtBundles(root);
    await builtBundles(root);

    expect(runs()).toBe(1);
  });

  it('that cannot be built are an error with the compiler’s words', async () => {
    write('infra/build.mjs', BROKEN_BUILD);

    await expect(builtBundles(root)).rejects.toMatchObject({
      code: 'DL_BUILD_FAILED',
      message: 'the bundles could not be built:\nproducer/main.ts:3:7: ERROR: Unexpected "}"',
    });
  });
});

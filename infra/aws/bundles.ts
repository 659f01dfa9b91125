/** The built producer and transformer, as they are deployed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DepthlakeError } from '../../producer/errors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** All that a bundle is made from: the packages by their lock file. */
const SOURCES = ['producer', 'transformer', 'infra/build.mjs', 'package.json', 'package-lock.json'];

export interface Bundles {
  /** Paths of the files, absolute where `root` is. */
  readonly producer: string;
  readonly transformer: string;
}

/**
 * Builds them where one is missing or older than a source.
 * @param root the repository's folder
 * @throws DL_BUILD_FAILED with the compiler's words
 */
export async function builtBundles(root: string = ROOT): Promise<Bundles> {
  const bundles = {
    producer: join(root, 'dist/producer/index.mjs'),
    transformer: join(root, 'dist/transformer/index.mjs'),
  };
  const paths = Object.values(bundles);
  const builtMs = Math.min(...(await Promise.all(paths.map(modifiedMs))));
  if (builtMs > (await newestMs(SOURCES.map((source) => join(root, source))))) return bundles;
  // A source that changes while it is being built is newer than its bundle.
  const startedAt = new Date();
  await build(root);
  // The build leaves a bundle alone that comes out the same, and its time with it.
  await Promise.all(paths.map((path) => utimes(path, startedAt, startedAt)));
  return bundles;
}

async function build(root: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'infra/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new DepthlakeError('DL_BUILD_FAILED', `the bundles could not be built:\n${said.trim()}`);
}

/** Of the files and of all that lies in the folders, epoch ms. */
async function newestMs(paths: readonly string[]): Promise<number> {
  const times = await Promise.all(
    paths.map(async (path) => {
      const info = await lstat(path);
      if (!info.isDirectory()) return info.mtimeMs;
      // A folder's own time tells that a file in it was removed.
      const inside = (await readdir(path)).map((name) => join(path, name));
      return Math.max(info.mtimeMs, await newestMs(inside));
    }),
  );
  return Math.max(...times);
}

/** Epoch ms; before all time where there is no such file. */
async function modifiedMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.NEGATIVE_INFINITY,
  );
}

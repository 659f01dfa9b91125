#!/usr/bin/env node
// Bundles what runs: the two deployable artifacts (producer, transformer) whole, the command with its packages beside it.
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

// Bundled CommonJS packages call require(), which an ES module does not have.
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

const shared = {
  absWorkingDir: root,
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
  define: { 'process.env.npm_package_version': JSON.stringify(version) },
};

const deployable = { ...shared, banner, minify: true, outdir: 'dist' };
const results = await Promise.all([
  build({ ...deployable, entryPoints: { 'transformer/index': 'transformer/handler.ts' } }),
  build({ ...deployable, entryPoints: { 'producer/index': 'producer/entry.ts' } }),
  build({
    ...shared,
    packages: 'external',
    splitting: true,
    entryPoints: { 'cli/index': 'infra/cli.ts', 'cli/library': 'infra/index.ts' },
    chunkNames: 'cli/chunk-[hash]',
    outdir: 'dist',
  }),
]);

// A pipeline may be running from these files: what did not change is not touched, what did is replaced whole.
const outputs = new Map(results.flatMap(({ outputFiles }) => outputFiles.map((file) => [file.path, file.contents])));
for (const [path, contents] of outputs) {
  const present = await readFile(path).catch(() => null);
  if (present?.equals(contents)) continue;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, contents);
  await rename(`${path}.new`, path);
}
for (const name of await readdir(join(root, 'dist'), { recursive: true })) {
  const path = join(root, 'dist', name);
  if (/\.(mjs|map|new)$/.test(name) && !outputs.has(path)) await rm(path);
}

await chmod(join(root, 'dist/cli/index.mjs'), 0o755);

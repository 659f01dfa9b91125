#!/usr/bin/env node
// Bundles what runs: the two deployable artifacts (producer, transformer) whole, the command with its packages beside it.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

// Bundled CommonJS packages call require(), which an ES module does not have.
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
};

await rm(new URL('../dist', import.meta.url), { recursive: true, force: true });
await Promise.all([
  build({
    ...shared,
    banner,
    minify: true,
    entryPoints: { 'transformer/index': 'transformer/handler.ts' },
    outdir: 'dist',
  }),
  build({ ...shared, banner, minify: true, entryPoints: { 'producer/index': 'producer/entry.ts' }, outdir: 'dist' }),
  build({
    ...shared,
    packages: 'external',
    splitting: true,
    entryPoints: { 'cli/index': 'infra/cli.ts', 'cli/library': 'infra/index.ts' },
    chunkNames: 'cli/chunk-[hash]',
    outdir: 'dist',
  }),
]);

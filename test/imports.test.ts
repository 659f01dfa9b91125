import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Every import of a file of the repository by another: [importer, imported], as paths from its root. */
function importsOf(folder: string): [string, string][] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !name.endsWith('.d.ts'))
    .flatMap((name) => {
      const file = join(folder, name);
      const source = readFileSync(join(ROOT, file), 'utf8');
      const specifiers = [...source.matchAll(/(?:from|import|import\()\s*['"](\.{1,2}\/[^'"]+)['"]/g)];
      return specifiers.map(([, path]): [string, string] => [
        file,
        relative(ROOT, join(ROOT, dirname(file), path!)).replaceAll('\\', '/'),
      ]);
    });
}

function crossing(folder: string): [string, string][] {
  return importsOf(folder).filter(([, imported]) => !imported.startsWith(`${folder}/`));
}

describe('imports point one way', () => {
  test('the producer imports nothing from outside itself', () => {
    expect(importsOf('producer').length).toBeGreaterThan(20);
    expect(crossing('producer')).toEqual([]);
  });

  test('the transformer imports the data contract and the errors alone', () => {
    const allowed = ['producer/record.ts', 'producer/errors.ts'];
    const crossings = crossing('transformer');

    expect(crossings.length).toBeGreaterThan(0);
    expect(crossings.filter(([, imported]) => !allowed.includes(imported))).toEqual([]);
  });

  test('infra imports from the producer and the transformer, and from nowhere else', () => {
    const foreign = crossing('infra').filter(
      ([, imported]) => !/^(producer|transformer)\/|^package\.json$/.test(imported),
    );

    expect(foreign).toEqual([]);
  });
});

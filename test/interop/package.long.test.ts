/** The package as npm would publish it, used from outside: by a program, and by the TypeScript compiler. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { NOON, putRows, snapshots, temporaryFolder } from '../cli/lake.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = temporaryFolder();
  // Its `prepack` builds the bundles and the declarations.
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n')));
  const unpacked = join(folder, 'node_modules', 'depthlake');
  mkdirSync(unpacked, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', unpacked, '--strip-components=1']);
  // What npm would install beside it.
  symlinkSync(join(ROOT, 'node_modules'), join(unpacked, 'node_modules'));
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'));
}, 300_000);

describe('the published package', () => {
  test('replays a lake for a program that imports it', () => {
    const lake = join(folder, 'lake');
    putRows(lake, 'order_book', `${NOON}-a`, snapshots([1, 2, 3]));
    writeFileSync(
      join(folder, 'program.mjs'),
      `import { replay } from 'depthlake';
       for await (const { row } of replay({ from: process.argv[2], tables: ['order_book'] })) console.log(row.seq);`,
    );

    expect(execFileSync('node', ['program.mjs', lake], { cwd: folder, encoding: 'utf8' })).toBe('1\n2\n3\n');
  });

  test('says the types of what it gives', () => {
    const program = (use: string) => `import { replay, type OrderBookRow, type ReplayRequest } from 'depthlake';
      const request: ReplayRequest<'order_book'> = { from: 'lake', tables: ['order_book'] };
      export async function mids(): Promise<number[]> {
        const found: number[] = [];
        for await (const { row } of replay(request)) { const book: OrderBookRow = row; found.push(${use}); }
        replay({ from: 'lake' }).subscribe(({ table, row }) => table === 'feed_event' && found.push(row.kind.length));
        return found;
      }`;
    const options = { module: 'NodeNext', target: 'ES2022', strict: true, noEmit: true, types: ['node'] };
    const compile = (use: string): string => {
      writeFileSync(join(folder, 'program.ts'), program(use));
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...options, skipLibCheck: true }, files: ['program.ts'] }),
      );
      try {
        return execFileSync('node', [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], {
          encoding: 'utf8',
        });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };

    expect(compile('book.mid_price')).toBe('');
    expect(compile('book.symbol')).toContain(
      "Argument of type 'string' is not assignable to parameter of type 'number'",
    );
  });
});

import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { put, putWholeLake, snapshots, temporaryFolder } from './lake.ts';
import { depthlake, shell, startDepthlake } from './process.ts';

let large: string;
let lake: string;

beforeAll(() => {
  lake = temporaryFolder();
  putWholeLake(lake);
  const seqs = Array.from({ length: 20_000 }, (_, index) => index + 1);
  large = put(temporaryFolder(), 'large.avro', writeContainerFile('order_book', snapshots(seqs), 'deflate'));
});

describe('a closed pipe', () => {
  it('ends the command quietly, as SIGPIPE would', async () => {
    const { stdout, stderr } = await shell(`depthlake inspect --json '${large}' | head -n 1; echo "\${PIPESTATUS[0]}"`);
    const [row, status] = stdout.trim().split('\n');
    expect(JSON.parse(row!)).toMatchObject({ seq: 1 });
    expect(status).toBe('141');
    expect(stderr).toBe('');
  });

  it('also before the first byte', async () => {
    const { stdout, stderr } = await shell('(sleep 0.5; depthlake --help; echo "status $?" >&2) | true');
    expect(stdout).toBe('');
    expect(stderr).toBe('status 141\n');
  });
});

describe.skipIf(!existsSync('/dev/full'))('a full disk behind stdout (skipped without /dev/full)', () => {
  it.each([
    ['inspect --json', () => `inspect --json '${large}'`],
    ['inspect', () => `inspect '${large}'`],
    ['check', () => `check '${lake}'`],
    ['--help', () => '--help'],
    ['transform', () => 'transform --example'],
  ])('is one message and status 1 for %s', async (_what, args) => {
    const { stdout, stderr } = await shell(`depthlake ${args()} > /dev/full; echo "status $?"`);
    expect(stdout).toBe('status 1\n');
    expect(stderr.match(/depthlake: DL_\w+/g)).toEqual(['depthlake: DL_OUTPUT_FAILED']);
    expect(stderr).toContain('no space left on device');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('a reader that does not read', () => {
  it('holds the command back, and gets every row once it reads', async () => {
    const child = startDepthlake(['inspect', '--json', large]);
    await new Promise((resolve) => child.stdout.once('readable', resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(child.exitCode).toBeNull();
    let lines = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines += text.split('\n').length - 1;
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(lines).toBe(20_000);
    expect(child.exitCode).toBe(0);
  });
});

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends an offline command at once with status %d', async (signal, status) => {
    const child = startDepthlake(['transform', '--event', '-']);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // The event's end never comes, so the command waits; it is up once it has taken more than a pipe holds.
    await new Promise((resolve) => child.stdin.write(' '.repeat(4 * 1024 * 1024), resolve));
    child.kill(signal);
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(status);
    expect(stderr).toBe('');
  });
});

describe('colours and the live line', () => {
  it('are only for terminals', async () => {
    const { stdout, stderr } = await depthlake(['check', lake]);
    expect(stdout + stderr).not.toContain('\x1b');
  });
});

describe('an unexpected failure', () => {
  it('shows its stack only with DEPTHLAKE_DEBUG=1', async () => {
    const [plain, debug] = await Promise.all([
      depthlake(['check', '/nowhere']),
      depthlake(['check', '/nowhere'], { env: { DEPTHLAKE_DEBUG: '1' } }),
    ]);
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    expect(debug.stderr).toMatch(/\n\s+at /);
    expect([plain.status, debug.status]).toEqual([1, 1]);
  });
});

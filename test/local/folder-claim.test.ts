import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Endpoints, readEndpoints, writeEndpoints } from '../../infra/local/endpoints.ts';
import { claimFolder } from '../../infra/local/folder-claim.ts';
import { isRunning, ownIdentity } from '../../producer/process-identity.ts';

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'depthlake-claim-'));
  lock = path.join(folder, '.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A process id that was in use a moment ago. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  return child.pid!;
}

const EARLIER = 'an earlier process';

describe('a data folder', () => {
  it('is had by one of many that claim it at once', async () => {
    const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claimFolder(folder)));
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const claim of claims) {
      if (claim.status === 'rejected') expect(claim.reason).toMatchObject({ code: 'DL_ALREADY_RUNNING' });
    }
  });

  it('is had by one of many that find what a crash left behind', async () => {
    await writeFile(lock, JSON.stringify({ pid: await deadPid(), process_started: EARLIER }));
    const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claimFolder(folder)));
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(JSON.parse(await readFile(lock, 'utf8'))).toEqual(await ownIdentity());
    expect(await readdir(folder)).toEqual(['.lock']);
  });

  it('that is taken is refused with the process and the file that says so', async () => {
    await claimFolder(folder);
    await expect(claimFolder(folder)).rejects.toMatchObject({
      code: 'DL_ALREADY_RUNNING',
      message: `a pipeline runs on ${folder} already, process ${process.pid}; if that is none, remove ${lock}`,
    });
  });

  it('is free again once it is released, and nothing is left in it', async () => {
    const claim = await claimFolder(folder);
    await claim.release();
    expect(await readdir(folder)).toEqual([]);
    await (await claimFolder(folder)).release();
  });

  it.each([
    ['our own, as in a container that is started again', () => process.pid],
    ['another user’s or any other one’s', () => 1],
    ['our parent’s', () => process.ppid],
  ])('is taken over from a dead process whose id is now %s', async (_, pid) => {
    await writeFile(lock, JSON.stringify({ pid: pid(), process_started: EARLIER }));
    await (await claimFolder(folder)).release();
  });

  it('is taken over from a process that died before it had written its name', async () => {
    await writeFile(lock, '');
    await (await claimFolder(folder)).release();
  }, 20_000);
});

describe('an identity', () => {
  it('is that of a running process, and of no other with the same id', async () => {
    const own = await ownIdentity();
    expect(await isRunning(own)).toBe(true);
    expect(await isRunning({ ...own, process_started: EARLIER })).toBe(false);
    expect(await isRunning({ pid: await deadPid(), process_started: null })).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('is not that of a process that nobody has reaped', async (context) => {
    const parent = spawn('sh', ['-c', "sh -c 'echo $$' & exec sleep 30"], { stdio: ['ignore', 'pipe', 'ignore'] });
    context.onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const zombie = { pid: Number(line.toString()), process_started: null };
    await expect.poll(() => isRunning(zombie)).toBe(false);
    expect(() => process.kill(zombie.pid, 0)).not.toThrow();
  });

  it('where the system does not say when a process began, is any other process of that id', async () => {
    expect(await isRunning({ pid: process.ppid, process_started: null })).toBe(true);
    expect(await isRunning({ pid: process.pid, process_started: null })).toBe(false);
  });
});

describe('the endpoints of a pipeline', () => {
  const rest = {
    producer_pid: 2,
    kinesis_pid: 3,
    started: '',
    venue: 'local',
    stream: 's',
    delivery_stream: 'f',
    backfill: 'b',
    database: 'd',
  };
  const hosts = {
    kinesis: 'http://127.0.0.1:1',
    glue: 'http://127.0.0.1:2',
    control: 'http://127.0.0.1:3',
    ws: null,
    rest: null,
  };

  it('are found while its process runs, and not by a later process of the same id', async () => {
    const running: Endpoints = { ...(await ownIdentity()), ...rest, ...hosts };
    await writeEndpoints(folder, running);
    expect(await readEndpoints(folder)).toEqual(running);
    await writeEndpoints(folder, { ...running, process_started: EARLIER });
    expect(await readEndpoints(folder)).toBeNull();
  });
});

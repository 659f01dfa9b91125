import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkpointFile } from '../../infra/replay/checkpoint-file.ts';

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'depthlake-checkpoint-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

test('a checkpoint is there whole, replaced by the next one, and nothing else is left in its folder', async () => {
  const home = await folder();
  const store = checkpointFile(path.join(home, 'deep', 'x.checkpoint'));
  expect(await store.read()).toBeNull();
  await store.write('a long first one');
  await store.write('second');
  expect(await store.read()).toBe('second');
  expect(await readdir(path.join(home, 'deep'))).toEqual(['x.checkpoint']);
});

test('what cannot be read or written is an error that names the file', async () => {
  const home = await folder();
  const missing = { message: expect.stringContaining(home) };
  await expect(checkpointFile(home).read()).rejects.toMatchObject({ code: 'DL_FILE_UNREADABLE', ...missing });
  await writeFile(path.join(home, 'file'), '');
  const below = checkpointFile(path.join(home, 'file', 'x'));
  await expect(below.write('x')).rejects.toMatchObject({ code: 'DL_OUTPUT_FAILED', ...missing });
});

/** A spill in a temporary folder, as a session opens it, and the wait for a real disk under a virtual clock. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Log } from '../../../producer/log.ts';
import { type OpenedSpill, openSpill } from '../../../producer/stream/open-spill.ts';
import type { Spill } from '../../../producer/stream/spill.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';
import { nameOf } from './writing.ts';

export const MIB = 1024 * 1024;

export function spillFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-spill-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function openIn(
  folder: string,
  sessionId: string,
  { boundBytes = 64 * MIB, scheduler = new VirtualClock(), log = (() => {}) as Log } = {},
): Promise<OpenedSpill> {
  const opened = await openSpill({ folder, sessionId, boundBytes, scheduler, log });
  onTestFinished(() => opened.spill.close());
  return opened;
}

/** Makes a session's folder look as a crash leaves it: its lock names a process that has ended. */
export function crash(folder: string, sessionId: string): void {
  const ended = { pid: 2 ** 22 + 1, process_started: 'another boot' };
  writeFileSync(path.join(folder, sessionId, 'lock'), JSON.stringify(ended));
}

/** Reads a spill to its end, and names its packs in order. */
export async function namesIn(spill: Spill): Promise<string[]> {
  const names: string[] = [];
  for (let next = await spill.next(); next !== null; next = await spill.next()) names.push(nameOf(next.pack));
  return names;
}

/** Waits for a disk, whose answers come in their own time. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!isSo()) {
    if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`);
    await settle();
  }
}

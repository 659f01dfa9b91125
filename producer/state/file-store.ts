/** States in files: `<folder>/<venue>.json`, replaced as a whole, shared by the producers of one machine. */
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { makeFolder } from '../make-folder.ts';
import { withLock } from './file-lock.ts';
import { isNewer, type StateStore, type SymbolState } from './store.ts';

/** Symbols kept a venue, some times what one lists; beyond, those that recorded last longest ago are forgotten. */
const MAX_SYMBOLS = 20_000;
/** A larger file is none of ours. */
const MAX_BYTES = 16 * 1024 * 1024;

type States = Map<string, SymbolState>;

export interface FileStoreOptions {
  /** Created if need be. */
  readonly folder: string;
  readonly log: Log;
}

/**
 * Saving takes turns under a lock file. A damaged file is set aside as `<venue>.json.damaged` and counts as empty,
 * which is logged.
 */
export function fileStore({ folder, log }: FileStoreOptions): StateStore {
  const fileOf = (venue: string) => join(folder, `${venue}.json`);

  const locked = async <T>(venue: string, doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      await makeFolder(folder);
      return await withLock(`${fileOf(venue)}.lock`, work);
    } catch (cause) {
      const message = `the state in ${fileOf(venue)} cannot be ${doing}: ${reasonOf(cause)}`;
      throw new DepthlakeError('DL_STATE_UNAVAILABLE', message, { cause });
    }
  };

  /** Under the lock: nobody replaces the file meanwhile. */
  const readOrSetAside = async (venue: string): Promise<States> => {
    const file = fileOf(venue);
    try {
      return await readStates(file);
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      await rename(file, `${file}.damaged`);
      log('warn', 'state_damaged', { file, set_aside: `${file}.damaged`, reason: error.message });
      return new Map();
    }
  };

  return {
    load: async (venue, symbols) => {
      const wanted = new Set(symbols);
      // A file that is replaced as a whole can be read without the lock, which a read-only disk would not give.
      const states = await readStates(fileOf(venue)).catch(() => locked(venue, 'read', () => readOrSetAside(venue)));
      return new Map([...states].filter(([symbol]) => wanted.has(symbol)));
    },
    save: (venue, states) =>
      locked(venue, 'written', async () => {
        const held = await readOrSetAside(venue);
        let changed = false;
        for (const state of states) {
          if (!isNewer(state, held.get(state.symbol))) continue;
          held.set(state.symbol, state);
          changed = true;
        }
        if (!changed) return;
        await replace(fileOf(venue), textOf(bounded(held)));
      }),
  };
}

class DamagedFile extends Error {}

/** @throws DamagedFile, or the disk's own error; a file that is not there holds nothing */
async function readStates(file: string): Promise<States> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw new DamagedFile(`it has ${size} bytes`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return statesOf(text);
}

/** `{"states":[{"symbol":"BTCUSDT","receivedMs":…,"lastUpdateId":…,"sessionId":"…","clean":false}]}` */
function statesOf(text: string): States {
  let states: unknown;
  try {
    ({ states } = (JSON.parse(text) ?? {}) as { states?: unknown });
  } catch (error) {
    throw new DamagedFile(reasonOf(error));
  }
  if (!Array.isArray(states)) throw new DamagedFile('it lists no states');
  const bad = states.findIndex((state) => !isState(state));
  if (bad >= 0) throw new DamagedFile(`state ${bad + 1} is ${JSON.stringify(states[bad]).slice(0, 200)}`);
  return new Map((states as SymbolState[]).map((state) => [state.symbol, state]));
}

function isState(value: unknown): value is SymbolState {
  if (typeof value !== 'object' || value === null) return false;
  const { symbol, receivedMs, lastUpdateId, sessionId, clean } = value as Record<keyof SymbolState, unknown>;
  const numbers = Number.isSafeInteger(receivedMs) && Number.isSafeInteger(lastUpdateId);
  return numbers && typeof symbol === 'string' && typeof sessionId === 'string' && typeof clean === 'boolean';
}

function bounded(states: States): SymbolState[] {
  const newestFirst = [...states.values()].sort((a, b) => b.receivedMs - a.receivedMs);
  return newestFirst.slice(0, MAX_SYMBOLS).sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

/** A line a state, so that people can read it. */
function textOf(states: readonly SymbolState[]): string {
  return `{"states":[\n${states.map((state) => JSON.stringify(state)).join(',\n')}\n]}\n`;
}

/** A reader sees the old file or the new one, after a crash of the machine too. */
async function replace(file: string, text: string): Promise<void> {
  const next = `${file}.next`;
  try {
    const handle = await open(next, 'w');
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

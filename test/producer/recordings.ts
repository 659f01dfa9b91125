/** Recordings of exchange data beside the repository; they are not part of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const DATA = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

/** Why tests of a set of recordings are skipped, told once a file; null where it is there. */
export function missing(set: string): string | null {
  if (existsSync(`${DATA}${set}`)) return null;
  const words = `skipped: no recordings at ../shared/data/${set}`;
  console.warn(words);
  return words;
}

/** Where a recording lies, for a command that is given its path. */
export function recordingFile(path: string): string {
  return DATA + path;
}

export function readRecording(path: string): string {
  const bytes = readFileSync(recordingFile(path));
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

export function recordingsIn(set: string): string[] {
  return readdirSync(DATA + set)
    .filter((name) => name.endsWith('.gz'))
    .map((name) => `${set}/${name}`);
}

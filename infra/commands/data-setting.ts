/** `--data DIR`, the folder of the local lake. */
import { relative, resolve } from 'node:path';
import type { Setting } from '../../producer/config.ts';

export function dataSetting(help: string) {
  return {
    flag: 'data',
    argument: '<dir>',
    help,
    default: './data',
    parse: (text: string) => resolve(text),
  } as const satisfies Setting<string>;
}

/** A path as a user would type it: relative where it lies below the current folder. */
export function shownPath(path: string): string {
  const below = relative('', path);
  return below === '' || below.startsWith('..') ? path : `./${below}`;
}

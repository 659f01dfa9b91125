/** `--data DIR`, the folder of the local lake. */
import { resolve } from 'node:path';
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

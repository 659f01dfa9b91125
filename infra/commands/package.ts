/** Where this package lies, from the source as from the bundle. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DepthlakeError } from '../../producer/errors.ts';

/** The package's root folder: the nearest one upwards that holds a package.json. */
export const PACKAGE_ROOT: URL = packageRoot(new URL('.', import.meta.url));

function packageRoot(folder: URL): URL {
  if (existsSync(new URL('package.json', folder))) return folder;
  const parent = new URL('..', folder);
  if (parent.href === folder.href)
    throw new DepthlakeError('DL_INTERNAL', 'the package.json of depthlake is not there');
  return packageRoot(parent);
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')) as { version: string }).version;
}

/**
 * The path of a built artifact.
 * @throws DL_NOT_BUILT
 */
export function builtFile(artifact: 'transformer' | 'producer'): string {
  const path = fileURLToPath(new URL(`dist/${artifact}/index.mjs`, PACKAGE_ROOT));
  if (!existsSync(path)) throw new DepthlakeError('DL_NOT_BUILT', `the built ${artifact} is not there: ${path}`);
  return path;
}

import { defineConfig } from 'vitest/config';

/** The whole suite; `LONG=1` runs the tests that take minutes (`*.long.test.ts`) instead. */
const long = process.env['LONG'] === '1';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: [long ? 'test/**/*.long.test.ts' : 'test/**/*.test.ts'],
    exclude: long ? [] : ['test/**/*.long.test.ts'],
    testTimeout: long ? 900_000 : 60_000,
    hookTimeout: 60_000,
    // On two cores: end-to-end tests mostly wait, for processes of their own.
    maxWorkers: 3,
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
});

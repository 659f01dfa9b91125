import { describe, test } from 'vitest';
import { missing, recordingsIn } from '../producer/recordings.ts';
import { expectPlayed } from './played-recording.ts';

const FOLDERS = ['depth20-derived', 'binance-us-2021'];
const absent = FOLDERS.map(missing).find((each) => each !== null) ?? null;

describe.skipIf(absent !== null)(`every recording played through the whole pipeline ${absent ?? ''}`, () => {
  test.for(absent === null ? FOLDERS.flatMap(recordingsIn) : [])(
    '%s: the files hold each snapshot once, value for value',
    { timeout: 300_000 },
    expectPlayed,
  );
});

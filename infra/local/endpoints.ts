/** The file by which other commands find a running local pipeline: `DIR/endpoints.json`. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, type ProcessIdentity } from '../../producer/process-identity.ts';
import { putWhole } from './s3.ts';

/** Its identity is that of the process of `depthlake start`. */
export interface Endpoints extends ProcessIdentity {
  readonly producer_pid: number;
  readonly kinesis_pid: number;
  readonly started: string;
  readonly venue: string;
  readonly stream: string;
  /** From the stream into the lake. */
  readonly delivery_stream: string;
  /** From direct puts into the lake. */
  readonly backfill: string;
  readonly database: string;
  readonly kinesis: string;
  readonly glue: string;
  /** Of Firehose and of STS. */
  readonly control: string;
  /** Hosts that the producer was given; null where they are the venue's own. */
  readonly ws: string | null;
  readonly rest: string | null;
}

const NAME = 'endpoints.json';

/** What producers keep between sessions lies in the lake's folder too; readers pass over names with a dot. */
export const WORK_FOLDER = '.depthlake';

/** The endpoints of the pipeline that runs on a data folder, or null where none does. */
export async function readEndpoints(dataFolder: string): Promise<Endpoints | null> {
  try {
    const endpoints = JSON.parse(await readFile(join(dataFolder, NAME), 'utf8')) as Endpoints;
    return (await isRunning(endpoints)) ? endpoints : null;
  } catch {
    // No file, or one that a crash left half-written: nothing runs that could be found.
    return null;
  }
}

export async function writeEndpoints(dataFolder: string, endpoints: Endpoints): Promise<void> {
  await putWhole(join(dataFolder, NAME), `${JSON.stringify(endpoints, null, 2)}\n`);
}

export async function removeEndpoints(dataFolder: string): Promise<void> {
  await rm(join(dataFolder, NAME), { force: true });
}

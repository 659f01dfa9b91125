/** Reads every delivered file back, as any reader would, and audits its rows. */
import { reasonOf } from '../../producer/errors.ts';
import type { Log } from '../../producer/log.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import type { ObjectStore } from '../../transformer/lake.ts';
import { Audit } from '../audit.ts';

export class LakeReader {
  readonly audit = new Audit();
  rows = 0;
  readonly #bucket: ObjectStore;
  readonly #log: Log;
  #tail: Promise<void> = Promise.resolve();

  constructor(bucket: ObjectStore, log: Log) {
    this.#bucket = bucket;
    this.#log = log;
  }

  /** One file after the other; what was read is not kept. */
  read(key: string): Promise<void> {
    this.#tail = this.#tail.then(() => this.#readOne(key));
    return this.#tail;
  }

  idle(): Promise<void> {
    return this.#tail;
  }

  async #readOne(key: string): Promise<void> {
    try {
      const { table, rows } = readContainerFile(await this.#bucket.get(key));
      if (table === null) throw new Error('it holds no table of this lake');
      this.audit.add(table, rows as never);
      this.rows += rows.length;
    } catch (error) {
      this.#log('error', 'file_unreadable', { key, reason: reasonOf(error) });
    }
  }
}

/** Grouping packs by table and hour into container files of whole packs. */
import { DepthlakeError } from '../producer/errors.ts';
import type { Codec } from './codec.ts';
import { appendWithin, type ContainerDraft, closed, emptyDraft } from './container-draft.ts';
import type { PackRows } from './pack-rows.ts';
import type { TableHour } from './partition.ts';

/** Rows in blocks still open, over all files; beyond it blocks are closed early. Only forged packs come near. */
const OPEN_MAX_BYTES = 32 * 1024 * 1024;

/** One container file and the records that its rows came in; it rides on the first of them. */
export interface PackFile {
  readonly hour: TableHour;
  /** The least `timestamp_ms`: readers that want rows in order of time tell from a file's name when to open it. */
  readonly firstMs: number;
  readonly recordIds: readonly string[];
  readonly draft: ContainerDraft;
}

export interface GroupOptions {
  readonly codec: Codec;
  readonly maxFileBytes: number;
  /** Of all files together, compressed: what more would only fill the memory. */
  readonly maxBytes: number;
}

export class FileGroups {
  readonly #options: GroupOptions;
  readonly #files: PackFile[] = [];
  /** Where each table and hour's unfinished file is in `#files`. */
  readonly #unfinished = new Map<string, number>();
  #closedBytes = 0;
  #openBytes = 0;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  /** In the order of their first packs. */
  get files(): readonly PackFile[] {
    return this.#files;
  }

  /**
   * Adds a whole pack, behind the earlier ones of its hour.
   * @throws DL_PACK_INVALID where its rows alone make a file that is too large, DL_RESPONSE_FULL at the bound of all
   */
  add(recordId: string, { hour, firstMs, rows }: PackRows): void {
    if (this.#closedBytes > this.#options.maxBytes) {
      throw new DepthlakeError('DL_RESPONSE_FULL', `the files before it have ${this.#closedBytes} bytes`);
    }
    const name = `${hour.table}/${hour.hourMs}`;
    const index = this.#unfinished.get(name);
    const file = index === undefined ? undefined : this.#files[index]!;
    const grown = file && appendWithin(file.draft, rows, this.#options.maxFileBytes);
    if (file && grown) {
      this.#put(index!, {
        ...file,
        firstMs: Math.min(file.firstMs, firstMs),
        recordIds: [...file.recordIds, recordId],
        draft: grown,
      });
      return;
    }
    const fresh = this.#first(hour, rows);
    if (file) this.#put(index!, { ...file, draft: closed(file.draft) });
    this.#unfinished.set(name, this.#files.length);
    this.#put(this.#files.length, { hour, firstMs, recordIds: [recordId], draft: fresh });
  }

  #first({ table }: TableHour, rows: readonly Buffer[]): ContainerDraft {
    const { codec, maxFileBytes } = this.#options;
    const draft = appendWithin(emptyDraft(table, codec), rows, maxFileBytes);
    if (draft !== null) return draft;
    throw new DepthlakeError(
      'DL_PACK_INVALID',
      `the rows of one pack make a container file above ${maxFileBytes} bytes in codec ${codec}`,
    );
  }

  #put(index: number, file: PackFile): void {
    const before = this.#files[index]?.draft;
    const draft = this.#openBytes > OPEN_MAX_BYTES ? closed(file.draft) : file.draft;
    this.#closedBytes += draft.blockBytes - (before?.blockBytes ?? 0);
    this.#openBytes += draft.openBytes - (before?.openBytes ?? 0);
    this.#files[index] = { ...file, draft };
  }
}

/** How rows become lines of text, which a pipe and a file are given alike. */
import { DepthlakeError } from '../../../producer/errors.ts';
import { encodeLine, type RowTypes, type TableName, type TableRow } from '../../../producer/record.ts';
import { csvHead, csvLines } from './csv.ts';

export const LINE_FORMATS = ['jsonl', 'csv'] as const;
export type LineFormatName = (typeof LINE_FORMATS)[number];

export interface LineFormat {
  /** What comes before the first row; '' where nothing does. */
  readonly head: string;
  /** The lines of some rows, each with its line feed. */
  readonly lines: (rows: readonly TableRow[]) => string;
}

/**
 * `jsonl`: the lines of live, each with its table as `type`. `csv`: one table with a header.
 * @param tables those that rows come from
 * @throws DL_USAGE for CSV of more than one table
 */
export function lineFormat(name: LineFormatName, tables: ReadonlySet<TableName>): LineFormat {
  if (name === 'jsonl') return JSON_LINES;
  const [table, ...others] = tables;
  if (table === undefined || others.length > 0) {
    const asked = [...tables].join(' and ');
    throw new DepthlakeError(
      'DL_USAGE',
      `CSV has one table, not ${asked}: choose it with --tables, or take JSON lines`,
    );
  }
  return csvFormat(table);
}

const JSON_LINES: LineFormat = {
  head: '',
  lines: (rows) => rows.map((row) => `${encodeLine(row)}\n`).join(''),
};

function csvFormat<T extends TableName>(table: T): LineFormat {
  return {
    head: csvHead(table),
    lines: (rows) =>
      csvLines(
        table,
        rows.map(({ row }) => row as RowTypes[T]),
      ),
  };
}

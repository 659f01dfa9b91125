/** Rows as CSV (RFC 4180, lines end in a line feed): of one table, so that every line has the same columns. */
import { stringify } from 'csv-stringify/sync';
import { DEPTH_LEVELS, type RowTypes, TABLES, type TableName } from '../../../producer/record.ts';

/** Null is an empty cell. */
type Cell = string | number | boolean | null;

/** A column, and what stands in it. */
type Column<T extends TableName> = readonly [name: string, cell: (row: RowTypes[T]) => Cell];

/** Numbers are as JavaScript prints them, which reads back exactly; of itself csv-stringify writes true as 1. */
const OPTIONS = { cast: { boolean: String } };

/** The first line: the fields by their names, the five depth levels of a side as ten columns. */
export function csvHead(table: TableName): string {
  return stringify([COLUMNS[table].map(([name]) => name)], OPTIONS);
}

/** A line for each row. */
export function csvLines<T extends TableName>(table: T, rows: readonly RowTypes[T][]): string {
  const cells = COLUMNS[table].map(([, cell]) => cell);
  return stringify(
    rows.map((row) => cells.map((cell) => cell(row))),
    OPTIONS,
  );
}

const COLUMNS: { readonly [T in TableName]: readonly Column<T>[] } = {
  order_book: TABLES.order_book.schema.fields.flatMap(({ name }): readonly Column<'order_book'>[] => {
    switch (name) {
      case 'bids':
        return depthColumns('bid', 'bids');
      case 'asks':
        return depthColumns('ask', 'asks');
      case 'top_bids':
      case 'top_asks':
        return [[name, (row) => row[name] && JSON.stringify(row[name])]];
      default:
        return [[name, (row) => row[name]]];
    }
  }),
  feed_event: TABLES.feed_event.schema.fields.map(({ name }) => [name, (row) => row[name]]),
};

/** `bid_price_1bp`, `bid_quantity_1bp`, … `bid_quantity_100bp`; a level that a foreign row lacks is empty. */
function depthColumns(side: 'bid' | 'ask', field: 'bids' | 'asks'): Column<'order_book'>[] {
  return DEPTH_LEVELS.flatMap((level, index): Column<'order_book'>[] => [
    [`${side}_price_${level}bp`, (row) => row[field][index]?.[0] ?? null],
    [`${side}_quantity_${level}bp`, (row) => row[field][index]?.[1] ?? null],
  ]);
}

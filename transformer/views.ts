/** Views over the tables of a lake, in SQL that Athena (Trino) and DuckDB both read. */
import { ORDER_BOOK_SCHEMA } from '../producer/record.ts';

const PARTITION_COLUMNS = ['year', 'month', 'day', 'hour'];
/** Of an hour; engines push a filter below a window where it names columns that all windows are partitioned by. */
const SAME_BOOK = [...PARTITION_COLUMNS, 'venue', 'symbol', 'last_update_id'];
/** From the best row: proved, then the most known, then the earliest; the rest makes the choice the same each time. */
const BEST_FIRST = [
  'case when verified then 0 else 1 end',
  'bid_levels_covered + ask_levels_covered desc',
  'received_ms',
  'session_id',
  'seq',
];

/**
 * The query of the view `order_book_best`: of the rows that redundant producers (or a repeated delivery) left of one
 * book, one for each `(venue, symbol, last_update_id)`. Books are compared within an hour, so that a query of some hours
 * reads those alone: where two producers received a frame on either side of a full hour, both rows stay.
 * @param table what to read: `order_book`, or anything else that may follow `from` and has its columns
 */
export function orderBookBest(table: string): string {
  const columns = [...ORDER_BOOK_SCHEMA.fields.map(({ name }) => name), ...PARTITION_COLUMNS].join(', ');
  return `select ${columns}
from (
  select *, row_number() over (
    partition by ${SAME_BOOK.join(', ')}
    order by ${BEST_FIRST.join(', ')}
  ) as place
  from ${table}
) as ranked
where place = 1`;
}

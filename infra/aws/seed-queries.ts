/**
 * The questions that a lake is asked first, each runnable as it stands: saved in the deployed workgroup, shown in the
 * README, run by the tests. They are Trino’s SQL, which Athena speaks.
 *
 * Each names the hours that it reads by the partition columns, compared with what the planner knows before it reads:
 * functions of the current time alone are constants to it, so Athena asks the catalog for those partitions only. Days are
 * UTC, as in the lake: the session of Athena is UTC too.
 */

export interface SeedQuery {
  /** Of letters, digits and hyphens. */
  readonly name: string;
  /** The question. */
  readonly title: string;
  readonly sql: string;
}

const TODAY = 'year = year(current_date) and month = month(current_date) and day = day(current_date)';
const YESTERDAY = TODAY.replaceAll('current_date', "current_date - interval '1' day");

/** The one to paste first. */
export const FIRST_QUERY: SeedQuery = {
  name: 'recorded-today',
  title: 'Is anything recorded today, and up to when?',
  sql: `select venue, symbol, count(*) as snapshots, min(snapshot_at) as first_at, max(snapshot_at) as last_at
from order_book_decoded
where ${TODAY}
group by venue, symbol
order by venue, symbol`,
};

export const SEED_QUERIES: readonly SeedQuery[] = [
  FIRST_QUERY,
  {
    name: 'gaps-of-today',
    title: 'Which gaps were noticed today, and how long were they?',
    sql: `select venue, symbol, began_at, ended_at, seconds, missed_updates, bounds, session_id
from feed_event_decoded
where ${TODAY}
  and kind = 'gap'
order by began_at`,
  },
  {
    name: 'feed-of-today',
    title: 'What befell the feed today, beside the tallies of each minute?',
    sql: `select noticed_at, venue, symbol, kind, seconds, reason, detail
from feed_event_decoded
where ${TODAY}
  and kind <> 'tally'
order by noticed_at, session_id, seq`,
  },
  {
    name: 'spread-by-minute',
    title: 'How did mid price and spread move today, minute by minute?',
    sql: `select venue, symbol, date_trunc('minute', snapshot_at) as minute,
  min_by(mid_price, timestamp_ms) as first_mid, min(mid_price) as lowest_mid, max(mid_price) as highest_mid, max_by(mid_price, timestamp_ms) as last_mid,
  avg(spread_bp) as spread_bp
from order_book_decoded
where ${TODAY}
group by venue, symbol, date_trunc('minute', snapshot_at)
order by venue, symbol, minute`,
  },
  {
    name: 'imbalance-by-hour',
    title: 'On which side did the quantity lie today, where the whole of both sides is known?',
    sql: `select venue, symbol, hour, count(*) as snapshots, avg(imbalance_ratio) as imbalance, min(imbalance_ratio) as lowest, max(imbalance_ratio) as highest
from order_book_decoded
where ${TODAY}
  and bid_levels_covered = 5 and ask_levels_covered = 5
group by venue, symbol, hour
order by venue, symbol, hour`,
  },
  {
    name: 'depth-by-hour',
    title: 'How much was there to buy and to sell within 0.1 % of the mid price today, where that is covered?',
    sql: `select venue, symbol, hour, count(*) as snapshots,
  count(bid_10bp) as bid_covered, avg(bid_10bp * mid_price) as bid_value, min(bid_10bp * mid_price) as least_bid_value,
  count(ask_10bp) as ask_covered, avg(ask_10bp * mid_price) as ask_value, min(ask_10bp * mid_price) as least_ask_value
from order_book_decoded
where ${TODAY}
group by venue, symbol, hour
order by venue, symbol, hour`,
  },
  {
    name: 'coverage-by-symbol',
    title: 'How much of each book is known today: depth levels covered, reach, proof?',
    sql: `select venue, symbol, count(*) as snapshots, count(*) filter (where verified) as verified, count(*) filter (where not verified) as disproved,
  avg(bid_levels_covered) as bid_levels, avg(ask_levels_covered) as ask_levels,
  min(bid_reach) as least_bid_reach, min(ask_reach) as least_ask_reach
from order_book_decoded
where ${TODAY}
group by venue, symbol
order by venue, symbol`,
  },
  {
    name: 'delay-by-hour',
    title: 'How late did snapshots of today reach the producer, where the source gives the event time?',
    sql: `select venue, symbol, hour, count(*) as snapshots,
  approx_percentile(received_ms - timestamp_ms, 0.5) as median_ms, approx_percentile(received_ms - timestamp_ms, 0.99) as p99_ms,
  max(received_ms - timestamp_ms) as longest_ms
from order_book_decoded
where ${TODAY}
group by venue, symbol, hour
order by venue, symbol, hour`,
  },
  {
    name: 'best-quotes-at-noon',
    title: 'What were the last best prices before noon yesterday, UTC?',
    sql: `select venue, symbol, max_by(best_bid, timestamp_ms) as best_bid, max_by(best_ask, timestamp_ms) as best_ask, max(snapshot_at) as snapshot_at
from order_book_decoded
where ${YESTERDAY}
  and hour = 11
group by venue, symbol
order by venue, symbol`,
  },
  {
    name: 'numbers-missing-yesterday',
    title: 'Is every snapshot of yesterday there? Which numbers each session gave, and how many are missing',
    sql: `select venue, symbol, session_id, min(seq) as first_seq, max(seq) as last_seq,
  count(*) as rows_stored, count(*) - count(distinct seq) as duplicates, max(seq) - min(seq) + 1 - count(distinct seq) as missing
from order_book
where ${YESTERDAY}
group by venue, symbol, session_id
order by missing desc, venue, symbol, session_id`,
  },
  {
    name: 'rows-by-hour',
    title: 'How many rows and container files has each hour of yesterday?',
    sql: `select hour, count(*) as rows_stored, count(distinct "$path") as container_files, count(distinct symbol) as symbols, count(distinct session_id) as sessions
from order_book
where ${YESTERDAY}
group by hour
order by hour`,
  },
];

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeLine, type TableRow } from '../../producer/record.ts';
import { transform } from '../../transformer/batch.ts';
import { CODECS } from '../../transformer/container-file.ts';
import { book, eventOf, filesOf, HOUR, happening, noise, pack, plain } from './invocations.ts';

describe('a pack of 300 KiB of lines', { timeout: 30_000 }, () => {
  const fill = (row: (seq: number) => TableRow): TableRow[] => {
    const rows: TableRow[] = [];
    for (let bytes = -1; ; ) {
      const next = row(rows.length + 1);
      bytes += Buffer.byteLength(encodeLine(next)) + 1;
      if (bytes > 300 * 1024) return rows;
      rows.push(next);
    }
  };
  const copies = (row: TableRow): TableRow[] =>
    Array.from({ length: Math.floor((300 * 1024 + 1) / (Buffer.byteLength(encodeLine(row)) + 1)) }, () => row);
  const zeros = (pairs: number) => Array.from({ length: pairs }, () => [0, 0]);
  const raw = (seq: number) =>
    Array.from({ length: 20 }, (_, index) => [63_000.12345678 + index + seq / 1e8, 0.00001 * (index + seq)]);
  const bare = {
    spread: 0,
    mid_price: 0,
    imbalance_ratio: 0,
    venue: '',
    symbol: '',
    session_id: '',
    bid_reach: 0,
    ask_reach: 0,
  };
  const kinds: [string, (seq: number) => TableRow][] = [
    [
      'zeros in all arrays',
      () =>
        book(HOUR, 0, {
          ...bare,
          received_ms: 0,
          bids: zeros(5),
          asks: zeros(5),
          top_bids: zeros(20),
          top_asks: zeros(20),
        }),
    ],
    ['zeros in the five levels', () => book(HOUR, 0, { ...bare, received_ms: 0, bids: zeros(5), asks: zeros(5) })],
    [
      'raw levels',
      (seq) =>
        book(HOUR + seq, seq, {
          bids: raw(seq).slice(0, 5),
          asks: raw(seq).slice(0, 5),
          top_bids: raw(seq),
          top_asks: raw(seq),
        }),
    ],
    ['feed events', (seq) => happening(HOUR + seq, seq)],
    ['feed events of noise', (seq) => happening(HOUR + seq, seq, noise(1000, seq))],
    ['one row of thousands of pairs of zeros', () => book(HOUR, 0, { bids: zeros(51_000), asks: [] })],
  ];

  it.each(CODECS.flatMap((codec) => kinds.map(([kind, row]) => ({ codec, kind, row }))))(
    'fits one container file below 1,000 KiB: $kind in codec $codec',
    ({ codec, row }) => {
      const rows = fill(row);
      const [only] = filesOf(transform(eventOf(pack('a', rows)), { codec }));
      expect(only!.bytes).toBeLessThan(1_024_000);
      expect(plain(only!.file.rows)).toEqual(rows.map((one) => one.row));
    },
  );

  it('fits one container file below 1,000 KiB in every codec, whatever the snapshots', () => {
    const value = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 9 }),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
    );
    const pairs = (most: number) =>
      fc.array(
        fc.tuple(value, value).map((pair) => [...pair]),
        { maxLength: most },
      );
    const shapes = fc.record({
      bids: pairs(5),
      asks: pairs(5),
      top_bids: fc.option(pairs(20)),
      top_asks: fc.option(pairs(20)),
      last_update_id: fc.maxSafeInteger(),
      symbol: fc.string({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(shapes, fc.constantFrom(...CODECS), (shape, codec) => {
        const { response, refused } = transform(eventOf(pack('a', copies(book(HOUR, 0, { ...bare, ...shape })))), {
          codec,
        });
        expect(refused).toEqual([]);
        expect(Buffer.from(response.records[0]!.data!, 'base64').length).toBeLessThan(1_024_000);
      }),
      { numRuns: 40 },
    );
  });

  it('need not fit where arrays hold no pairs: that is refused, not delivered too large', () => {
    const row = book(HOUR, 0, { bids: [Array.from({ length: 150_000 }, () => 0)] });
    expect(Buffer.byteLength(encodeLine(row))).toBeLessThan(307_200);
    const { refused } = transform(eventOf(pack('a', [row])), { codec: 'null' });
    expect(refused).toMatchObject([{ recordId: 'a', code: 'DL_PACK_INVALID' }]);
  });
});

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { transform } from '../../transformer/batch.ts';
import { book, DEFLATE, eventOf, filesOf, HOUR, happening, noise, pack, results } from './invocations.ts';

describe('one invocation, of records that are no good packs,', { timeout: 30_000 }, () => {
  it('answers a record that comes twice once', () => {
    const twice = pack('a', [book(HOUR, 1)]);
    const transformation = transform(eventOf(twice, pack('b', [book(HOUR, 2)]), twice), DEFLATE);
    expect(results(transformation)).toEqual([
      ['a', 'Ok'],
      ['b', 'Dropped'],
    ]);
    expect(filesOf(transformation)[0]!.file.count).toBe(2);
  });

  it('refuses an id that comes twice with other data, for one answer would lose the other’s rows', () => {
    const event = eventOf(pack('a', [book(HOUR, 1)]), pack('a', [book(HOUR, 2)]), pack('b', [book(HOUR, 3)]));
    const transformation = transform(event, DEFLATE);
    expect(results(transformation)).toEqual([
      ['a', 'ProcessingFailed'],
      ['b', 'Ok'],
    ]);
    expect(transformation.refused[0]!.reason).toBe('its recordId comes twice, with other data');
  });

  it.each([
    ['no data', undefined as unknown as string, 'DL_PACK_INVALID', 'it has no data'],
    ['an empty record', '', 'DL_PACK_INVALID', 'a pack holds no rows'],
    ['a broken gzip', Buffer.from([0x1f, 0x8b, 0, 0]).toString('base64'), 'DL_PACK_INVALID', 'a pack does not decode'],
    ['no JSON', Buffer.from('hello').toString('base64'), 'DL_ROW_INVALID', 'a line is not JSON'],
    ['an unknown table', Buffer.from('{"type":"trade"}').toString('base64'), 'DL_ROW_INVALID', '"trade"'],
    ['a time before 1970', pack('', [book(-1, 1)]).data, 'DL_ROW_INVALID', 'timestamp_ms -3600000 lies outside'],
    ['mixed tables', pack('', [book(HOUR, 1), happening(HOUR, 1)]).data, 'DL_PACK_INVALID', 'a pack mixes the tables'],
    ['mixed hours', pack('', [book(HOUR, 1), book(HOUR - 1, 1)]).data, 'DL_PACK_INVALID', 'a pack mixes the hours'],
    [
      'rows above 1,000 KiB',
      pack('', [happening(HOUR, 1, noise(1_500_000, 1))]).data,
      'DL_PACK_INVALID',
      'the rows of one pack make a container file above 1024000 bytes in codec deflate',
    ],
  ])('refuses %s, gives the original back, and delivers the rest', (_, data, code, reason) => {
    const transformation = transform(eventOf({ recordId: 'bad', data }, pack('good', [book(HOUR, 1)])), DEFLATE);
    expect(results(transformation)).toEqual([
      ['bad', 'ProcessingFailed'],
      ['good', 'Ok'],
    ]);
    expect(transformation.response.records[0]!.data).toBe(data);
    expect(transformation.refused).toEqual([{ recordId: 'bad', code, reason: expect.stringContaining(reason) }]);
  });

  it('refuses a gzip bomb beside a good pack, which is delivered', () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20, ' ')).toString('base64');
    const transformation = transform(eventOf({ recordId: 'bomb', data: bomb }, pack('good', [book(HOUR, 1)])), DEFLATE);
    expect(results(transformation)).toEqual([
      ['bomb', 'ProcessingFailed'],
      ['good', 'Ok'],
    ]);
    expect(filesOf(transformation)[0]!.file.rows).toMatchObject([{ seq: 1 }]);
    // What inflated whole would be refused too, as a pack without rows: the bound shows in the reason alone.
    expect(transformation.refused).toEqual([
      { recordId: 'bomb', code: 'DL_PACK_INVALID', reason: expect.stringContaining('larger than 16777216 bytes') },
    ]);
  });

  it('survives a pack that inflates to megabytes, many times over', () => {
    const bomb = pack('', [happening(HOUR, 1, ' '.repeat(12 << 20))]).data;
    const event = eventOf(...Array.from({ length: 20 }, (_, index) => ({ recordId: `r${index}`, data: bomb })));
    const { refused } = transform(event, { codec: 'null' });
    expect(refused).toHaveLength(20);
  });
});

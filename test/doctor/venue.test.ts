import { asyncScheduler } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { checkVenue, type VenueScope } from '../../infra/doctor/venue.ts';
import { SYSTEM_CLOCK } from '../../infra/local/clock.ts';
import { type Exchange, type ExchangeOptions, startExchange } from '../../infra/local/exchange.ts';
import { ERRORS } from '../../producer/errors.ts';
import { venueOf } from '../../producer/feed/venues.ts';
import { findingOf, lackingCures, verdictsOf } from './findings.ts';

const SKEW_MS = 60_000;

let exchange: Exchange | null = null;

afterEach(async () => {
  await exchange?.close();
  exchange = null;
});

async function start(options: Partial<ExchangeOptions> = {}): Promise<Exchange> {
  exchange = await startExchange({ symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'], retired: ['OLDUSDT'], ...options });
  return exchange;
}

/** Of an exchange; the rest as `doctor --venue local` has it. */
function scopeOf({ wsUrl, restUrl }: Pick<Exchange, 'wsUrl' | 'restUrl'>, given: Partial<VenueScope> = {}): VenueScope {
  return {
    venue: venueOf('local'),
    wsUrl: new URL(wsUrl),
    restUrl: new URL(restUrl),
    patterns: ['BTCUSDT', 'ETHUSDT'],
    shard: { index: 1, count: 1 },
    book: 'depth20',
    timeoutMs: 5_000,
    fetcher: fetch,
    scheduler: asyncScheduler,
    progress: () => {},
    ...given,
  };
}

describe('a venue that answers', () => {
  it('is seen from its address to each symbol’s reach, and book full is named where levels stay uncovered', async () => {
    const { port, ...hosts } = await start();

    const findings = await checkVenue(scopeOf(hosts));

    expect(verdictsOf(findings)).toEqual([
      `ok address of 127.0.0.1:${port}`,
      `ok TLS of 127.0.0.1:${port}`,
      'ok round trip',
      'ok clock',
      'ok symbols',
      'ok connection',
      'warning BTCUSDT',
      'warning ETHUSDT',
    ]);
    const { detail, cure } = findingOf(findings, 'BTCUSDT');
    expect(detail).toMatch(
      /^first frame after \d+ ms; reach 0\.0\d+ % of the bids, 0\.0\d+ % of the asks; \d and \d of 5 depth levels covered$/,
    );
    expect(cure).toContain('--book full');
    expect(lackingCures(findings)).toEqual([]);
  });

  it('is asked for diffs and a seed in book full, which covers every level', async () => {
    const findings = await checkVenue(scopeOf(await start(), { book: 'full' }));

    expect(findingOf(findings, 'BTCUSDT')).toMatchObject({
      verdict: 'ok',
      detail: expect.stringMatching(/^first diff after \d+ ms; reach .*5 and 5 of 5 depth levels covered$/),
    });
  });

  it('is asked for no more seeds than a quarter of a minute’s weight pays for', async () => {
    const symbols = Array.from({ length: 8 }, (_, i) => `COIN${i}USDT`);
    const findings = await checkVenue(scopeOf(await start({ symbols }), { book: 'full', patterns: ['*'] }));

    const unasked = findings.filter(({ detail }) => detail.includes('its reach was not asked for'));
    expect(unasked.map(({ what, verdict }) => [what, verdict])).toEqual([
      ['COIN6USDT', 'ok'],
      ['COIN7USDT', 'ok'],
    ]);
  });

  it('is asked for both streams in book witness', async () => {
    const findings = await checkVenue(scopeOf(await start(), { book: 'witness' }));

    expect(findingOf(findings, 'ETHUSDT').detail).toMatch(/^first frame after \d+ ms, first diff after \d+ ms; reach /);
  });

  it('is looked at for the symbols of one shard', async () => {
    const exchange = await start();
    const shards = await Promise.all(
      [1, 2].map((index) => checkVenue(scopeOf(exchange, { patterns: ['*'], shard: { index, count: 2 } }))),
    );

    const symbols = shards.flat().flatMap(({ what }) => (/USDT$/.test(what) ? [what] : []));
    expect(symbols.sort()).toEqual(['BTCUSDT', 'ETHUSDT', 'SOLUSDT']);
  });
});

describe('symbols that the venue does not trade', () => {
  it('are failures where it does not list them, warnings where it does, and the others are looked at', async () => {
    const patterns = ['BTC*', 'NOPE', 'OLDUSDT', 'XRP*'];
    const findings = await checkVenue(scopeOf(await start(), { patterns }));

    const failures = findings.filter(({ verdict }) => verdict === 'failure');
    expect(failures.map(({ detail }) => detail)).toEqual([
      'the venue does not list NOPE',
      'the venue does not list XRP*',
    ]);
    expect(failures.every(({ cure }) => cure === ERRORS.DL_SYMBOL_UNKNOWN.remedy)).toBe(true);
    const warnings = findings.filter(({ what, verdict }) => what === 'symbols' && verdict === 'warning');
    expect(warnings).toEqual([
      {
        what: 'symbols',
        verdict: 'warning',
        detail: 'the venue does not trade OLDUSDT (status BREAK)',
        cure: expect.stringContaining('follows it once the venue trades it'),
      },
    ]);
    expect(findingOf(findings, 'BTCUSDT').detail).toContain('first frame after');
  });

  it('are failures by name and status where none of those chosen trades', async () => {
    const findings = await checkVenue(scopeOf(await start(), { patterns: ['OLDUSDT'] }));

    expect(findingOf(findings, 'symbols')).toEqual({
      what: 'symbols',
      verdict: 'failure',
      detail: 'the venue does not trade OLDUSDT (status BREAK)',
      cure: ERRORS.DL_SYMBOL_UNKNOWN.remedy,
    });
  });
});

describe('a venue’s clock', () => {
  const skewed = (ms: number) => ({ clock: { ...SYSTEM_CLOCK, now: () => Date.now() + ms } });

  it.each([
    [SKEW_MS, 'failure', /^this machine is (59|60)\d{3} ms behind the venue, give or take \d+ ms$/],
    [-2_000, 'warning', /^this machine is (19|20)\d{2} ms ahead of the venue, give or take \d+ ms$/],
  ])('that is %i ms away from this machine’s is a %s', async (ms, verdict, words) => {
    const findings = await checkVenue(scopeOf(await start(skewed(ms))));

    expect(findingOf(findings, 'clock')).toMatchObject({
      verdict,
      detail: expect.stringMatching(words),
      cure: expect.stringContaining('NTP'),
    });
  });
});

describe('a venue that refuses this address', () => {
  it.each([403, 451, 429])('with %i is reported as what it answers, on either host', async (refuseWith) => {
    const findings = await checkVenue(scopeOf(await start({ faults: { refuseWith } })));

    const wait = refuseWith === 429 ? '; it says to retry after 1 s' : '';
    for (const what of ['REST', 'connection']) {
      expect(findingOf(findings, what)).toEqual({
        what,
        verdict: 'failure',
        detail: expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1:\\d+ answers HTTP ${refuseWith}${wait}$`)),
        cure: ERRORS.DL_VENUE_REFUSED.remedy,
      });
    }
    expect(findings.filter(({ what }) => what === 'BTCUSDT' || what === 'symbols')).toEqual([]);
  });
});

describe('a venue that falls silent', () => {
  it.each(['stall', 'mute'])('by %s is quiet for each symbol, with how long was waited', async (fault) => {
    const findings = await checkVenue(scopeOf(await start({ faults: { [fault]: true } }), { timeoutMs: 600 }));

    for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
      expect(findingOf(findings, symbol)).toMatchObject({
        verdict: 'warning',
        detail: 'no frame within 0.6 s',
        cure: expect.stringContaining('--timeout'),
      });
    }
    expect(findingOf(findings, 'connection').verdict).toBe('ok');
  });

  it('in one of two streams says which one came', async () => {
    const exchange = await start({ faults: { skipDiffs: 1 } });
    const findings = await checkVenue(scopeOf(exchange, { timeoutMs: 800, book: 'witness' }));

    expect(findingOf(findings, 'BTCUSDT')).toMatchObject({
      verdict: 'warning',
      detail: expect.stringMatching(/^first frame after \d+ ms, no diff within 0\.8 s$/),
    });
  });

  it('or breaks off is a failed connection, and nothing is said of the symbols', async () => {
    const exchange = await start({ faults: { stall: true } });
    const findings = await checkVenue(
      scopeOf(exchange, {
        progress: (words) => {
          if (words.startsWith('first messages')) void connected(exchange).then(() => exchange.cut());
        },
      }),
    );

    expect(findingOf(findings, 'connection')).toMatchObject({
      verdict: 'failure',
      detail: expect.stringMatching(/^127\.0\.0\.1:\d+ closed the connection: /),
      cure: ERRORS.DL_VENUE_SILENT.remedy,
    });
    expect(findings.filter(({ what }) => what === 'BTCUSDT')).toEqual([]);
  });
});

async function connected(exchange: Exchange): Promise<void> {
  while (exchange.connections() === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('a venue whose messages are of foreign shape', () => {
  it('fails for each symbol, with the reason of the refusal', async () => {
    const exchange = await start({ faults: { foreignFrames: 1, skipFrames: 1 } });
    const findings = await checkVenue(scopeOf(exchange, { timeoutMs: 800 }));

    for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
      expect(findingOf(findings, symbol)).toMatchObject({
        verdict: 'failure',
        detail: 'no frame within 0.8 s; what came was refused: foreign_shape',
        cure: ERRORS.DL_VENUE_FOREIGN.remedy,
      });
    }
  });

  it('among good ones is not failed for them', async () => {
    const findings = await checkVenue(scopeOf(await start({ faults: { foreignFrames: 1 } })));

    expect(findingOf(findings, 'BTCUSDT').detail).toMatch(/^first frame after \d+ ms; reach /);
  });
});

describe('a venue that cannot be reached', () => {
  it('is a failure at its address, at REST and at the connection, and the names are taken as they stand', async () => {
    const hosts = { wsUrl: 'wss://stream.invalid:9443', restUrl: 'https://user:hunter2@api.invalid' };
    const findings = await checkVenue(scopeOf(hosts));

    expect(verdictsOf(findings)).toEqual([
      'failure address of stream.invalid:9443',
      'failure address of api.invalid',
      'failure REST',
      'failure connection',
    ]);
    expect(lackingCures(findings)).toEqual([]);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });

  it('by REST alone still shows its frames', async () => {
    const { wsUrl } = await start();
    const findings = await checkVenue(scopeOf({ wsUrl, restUrl: 'http://127.0.0.1:9' }));

    expect(findingOf(findings, 'REST').detail).toMatch(/^127\.0\.0\.1:9 cannot be reached: /);
    expect(findingOf(findings, 'BTCUSDT').detail).toContain('first frame after');
  });
});

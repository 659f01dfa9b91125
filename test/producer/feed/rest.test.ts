import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asyncScheduler } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { RestClient } from '../../../producer/feed/rest.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';
import { bookOf, clientOf, fakeHost, good, type Logged, logInto, refusal, smallVenue } from './small-venue.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

/** A client of a host that answers so, and the host's name. */
async function client(answer: RequestListener): Promise<{ rest: RestClient; host: string }> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { rest: clientAt(`http://${host}/`), host };
}

function clientAt(restUrl: string): RestClient {
  const edge = { fetcher: fetch, scheduler: asyncScheduler, random: Math.random, log: () => {} };
  return new RestClient({ ...edge, restUrl, venue: smallVenue() });
}

/** What became of a promise so far. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {};
  promise.then(
    (value) => Object.assign(outcome, { value }),
    (error) => Object.assign(outcome, { error }),
  );
  return outcome;
}

describe('a REST request', () => {
  test('goes to the path of the venue below the host and returns what the venue reads', async () => {
    const asked: (string | undefined)[] = [];
    const { rest } = await client((request, response) => {
      asked.push(request.url);
      response.end(JSON.stringify({ book: bookOf(7), id: 8, time: 9, listing: { symbols: [], weightAMinute: null } }));
    });

    expect(await rest.book('BTCUSDT')).toEqual(bookOf(7));
    expect(await rest.bookId('BTCUSDT')).toBe(8);
    expect(await rest.timeMs()).toBe(9);
    expect(await rest.listing()).toEqual({ symbols: [], weightAMinute: null });
    expect(asked).toEqual(['/book?symbol=BTCUSDT', '/id?symbol=BTCUSDT', '/time', '/listing']);
  });

  test.each([401, 403, 451])('HTTP %i is a refusal at once, and Retry-After is told', async (status) => {
    const { rest, host } = await client((_, response) => response.writeHead(status, { 'retry-after': '7' }).end('{}'));

    await expect(rest.timeMs()).rejects.toMatchObject({
      code: 'DL_VENUE_REFUSED',
      message: `${host} answers HTTP ${status}; it says to retry after 7 s`,
    });
  });

  test.each([400, 404, 500, 503])('HTTP %i is no answer of a venue', async (status) => {
    const { rest, host } = await client((_, response) => response.writeHead(status).end('oops'));

    await expect(rest.timeMs()).rejects.toMatchObject({
      code: 'DL_VENUE_FOREIGN',
      message: `${host} answers HTTP ${status}`,
    });
  });

  test.each([
    ['a page', '<html>', 'answers with something that is not JSON'],
    ['nothing', '', 'answers with something that is not JSON'],
    ['null', 'null', 'answers /time in a foreign shape'],
    ['another object', '{}', 'answers /time in a foreign shape'],
    ['a list', '[]', 'answers /time in a foreign shape'],
  ])('an answer of %s is foreign', async (_, text, words) => {
    const { rest, host } = await client((_request, response) => response.end(text));

    await expect(rest.timeMs()).rejects.toMatchObject({ code: 'DL_VENUE_FOREIGN', message: `${host} ${words}` });
  });

  test('nobody listens there: unreachable, with the reason', async () => {
    const { rest } = await client((_, response) => response.end());
    server!.close();
    await once(server!, 'close');

    await expect(rest.timeMs()).rejects.toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('an answer that breaks off in the middle: unreachable', async () => {
    const { rest } = await client((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"time":', () => response.destroy());
    });

    await expect(rest.timeMs()).rejects.toMatchObject({ code: 'DL_VENUE_UNREACHABLE' });
  });

  test('a host that does not exist: unreachable, named', async () => {
    await expect(clientAt('http://nowhere.invalid').timeMs()).rejects.toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('nowhere.invalid'),
    });
  });

  test('a host that does not answer is given up after 15 s, and the next request finds its place', async () => {
    const clock = new VirtualClock();
    const hang = new Promise<Response>(() => {});
    const { asked, fetcher } = fakeHost(clock, (one, index) => (index < 4 ? hang : good(one)));
    const rest = clientOf(clock, fetcher);
    const outcomes = Array.from({ length: 5 }, () => outcomeOf(rest.timeMs()));

    await clock.advance(14_999);
    expect(outcomes).toEqual([{}, {}, {}, {}, {}]);
    await clock.advance(1);

    const late = {
      code: 'DL_VENUE_UNREACHABLE',
      message: 'small.example cannot be reached: no answer within 15 s',
    };
    expect(outcomes.slice(0, 4)).toMatchObject(Array.from({ length: 4 }, () => ({ error: late })));
    expect(outcomes[4]).toEqual({ value: 1_000 });
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0, 15_000]);
  });

  test('at the end of the session those that wait and those under way fail, and later ones too', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, () => new Promise<Response>(() => {}));
    const rest = clientOf(clock, fetcher);
    const outcomes = Array.from({ length: 6 }, () => outcomeOf(rest.bookId('BTCUSDT')));

    rest.close();
    outcomes.push(outcomeOf(rest.listing()));
    await settle();

    expect(outcomes).toMatchObject(outcomes.map(() => ({ error: { code: 'DL_VENUE_UNREACHABLE' } })));
    expect(asked).toHaveLength(4);
    await clock.advance(3_600_000);
    expect(asked).toHaveLength(4);
  });
});

describe('"too many requests"', () => {
  test('every request waits for as long as Retry-After says; the refused one goes again', async () => {
    const clock = new VirtualClock();
    const log: Logged[] = [];
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      index === 0 ? refusal(429, { 'retry-after': '30' }) : good(one),
    );
    const rest = clientOf(clock, fetcher, { log: logInto(log) });

    const refused = outcomeOf(rest.book('BTCUSDT'));
    await clock.advance(1_000);
    const later = outcomeOf(rest.timeMs());
    await clock.advance(28_999);
    expect([refused, later, asked.length]).toEqual([{}, {}, 1]);
    await clock.advance(1);

    expect([refused, later]).toEqual([{ value: bookOf(7) }, { value: 1_000 }]);
    expect(asked.map(({ atMs, path }) => [atMs, path])).toEqual([
      [0, '/book'],
      [30_000, '/time'],
      [30_000, '/book'],
    ]);
    const fields = { host: 'small.example', status: 429, wait_ms: 30_000 };
    expect(log).toEqual([{ level: 'warn', event: 'rest_limited', fields }]);
  });

  test('a ban is obeyed too, and is an error in the log', async () => {
    const clock = new VirtualClock();
    const log: Logged[] = [];
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      index === 0 ? refusal(418, { 'retry-after': '120' }) : good(one),
    );
    const outcome = outcomeOf(clientOf(clock, fetcher, { log: logInto(log) }).bookId('BTCUSDT'));

    await clock.advance(120_000);

    expect(outcome).toEqual({ value: 7 });
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 120_000]);
    expect(log.map(({ level, event }) => [level, event])).toEqual([['error', 'rest_banned']]);
  });

  test('Retry-After as a date is understood', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const until = new Date(clock.now() + 45_000).toUTCString();
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      index === 0 ? refusal(429, { 'retry-after': until }) : good(one),
    );
    const outcome = outcomeOf(clientOf(clock, fetcher).timeMs());

    await clock.advance(45_000);

    expect(outcome).toEqual({ value: 1_000 });
    expect(asked[1]!.atMs - asked[0]!.atMs).toBe(45_000);
  });

  test('without Retry-After it is the next minute', async () => {
    const clock = new VirtualClock(20_000);
    const { asked, fetcher } = fakeHost(clock, (one, index) => (index === 0 ? refusal(429) : good(one)));
    const outcome = outcomeOf(clientOf(clock, fetcher).timeMs());

    await clock.advance(100_000);

    expect(outcome).toEqual({ value: 1_000 });
    expect(asked.map(({ atMs }) => atMs)).toEqual([20_000, 60_000]);
  });

  test('a venue that asks for no wait is asked less and less often, until it answers', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      index < 8 || index === 9 ? refusal(429, { 'retry-after': '0' }) : good(one),
    );
    const rest = clientOf(clock, fetcher);
    const first = outcomeOf(rest.timeMs());
    await clock.advance(183_000);
    expect(first).toEqual({ value: 1_000 });
    const second = outcomeOf(rest.timeMs());
    await clock.advance(1_000);

    expect(second).toEqual({ value: 1_000 });
    expect(asked.map(({ atMs }) => atMs / 1000)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 183, 184]);
  });

  test('several refusals of requests under way are one pause and one line in the log', async () => {
    const clock = new VirtualClock();
    const log: Logged[] = [];
    const { asked, fetcher } = fakeHost(
      clock,
      (one, index) => (index < 4 ? refusal(429, { 'retry-after': '10' }) : good(one)),
      50,
    );
    const rest = clientOf(clock, fetcher, { log: logInto(log) });
    const outcomes = Array.from({ length: 4 }, () => outcomeOf(rest.timeMs()));

    await clock.advance(11_000);

    expect(outcomes).toEqual(outcomes.map(() => ({ value: 1_000 })));
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0, 10_050, 10_050, 10_050, 10_050]);
    expect(log.map(({ event }) => event)).toEqual(['rest_limited']);
  });

  test('a request that is refused for 10 min fails', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, () => refusal(429, { 'retry-after': '60' }));
    const outcome = outcomeOf(clientOf(clock, fetcher).timeMs());

    await clock.advance(599_999);
    expect(outcome).toEqual({});
    await clock.advance(1);

    expect(outcome).toMatchObject({
      error: { code: 'DL_VENUE_REFUSED', message: 'small.example answers HTTP 429; it says to retry after 60 s' },
    });
    expect(asked).toHaveLength(11);
  });

  test('a ban of more than 10 min fails at once what has not been sent yet', async () => {
    const clock = new VirtualClock();
    const ban = () => refusal(418, { 'retry-after': '3600' });
    const { asked, fetcher } = fakeHost(clock, ban, 50);
    const rest = clientOf(clock, fetcher);
    const outcomes = Array.from({ length: 6 }, () => outcomeOf(rest.timeMs()));

    await clock.advance(50);

    expect(outcomes).toMatchObject(outcomes.map(() => ({ error: { code: 'DL_VENUE_REFUSED' } })));
    expect(asked).toHaveLength(4);
  });

  test('a ban of more than 10 min fails what comes, and nothing is sent until it is over', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      index === 0 ? refusal(418, { 'retry-after': '3600' }) : good(one),
    );
    const rest = clientOf(clock, fetcher);
    const banned = { error: { code: 'DL_VENUE_REFUSED', message: expect.stringContaining('after 3600 s') } };

    const refused = outcomeOf(rest.timeMs());
    await clock.advance(1_000);
    const soon = outcomeOf(rest.timeMs());
    await clock.advance(3_000_000);
    const nearTheEnd = outcomeOf(rest.timeMs());
    await clock.advance(598_999);

    expect([refused, soon]).toMatchObject([banned, banned]);
    expect([nearTheEnd, asked.length]).toEqual([{}, 1]);
    await clock.advance(1);
    expect(nearTheEnd).toEqual({ value: 1_000 });
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 3_600_000]);
  });
});

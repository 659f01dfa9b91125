import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { checkSymbols } from '../../../producer/feed/rest.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

async function venue(answer: RequestListener): Promise<string> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function listing(symbols: unknown): RequestListener {
  return (_, response) => response.end(JSON.stringify({ timezone: 'UTC', symbols }));
}

const TWO = [
  { symbol: 'BTCUSDT', status: 'TRADING' },
  { symbol: 'BTCUSD4', status: 'BREAK' },
];

describe('the check of symbols', () => {
  test('passes when the venue trades them all, asking once at /api/v3/exchangeInfo', async () => {
    const asked: (string | undefined)[] = [];
    const url = await venue((request, response) => {
      asked.push(request.url);
      response.end(JSON.stringify({ symbols: TWO }));
    });

    await checkSymbols(url, ['BTCUSDT'], fetch);
    await checkSymbols(`${url}/`, ['BTCUSDT'], fetch);

    expect(asked).toEqual(['/api/v3/exchangeInfo', '/api/v3/exchangeInfo']);
  });

  test('names every symbol that is unknown or not traded', async () => {
    const url = await venue(listing(TWO));

    await expect(checkSymbols(url, ['BTCUSDT', 'BTCUSD4', 'NOSUCH', 'NONE'], fetch)).rejects.toMatchObject({
      code: 'DL_SYMBOL_UNKNOWN',
      message: `${new URL(url).host} does not trade BTCUSD4 (status BREAK), NOSUCH, NONE; it lists 2 symbols`,
    });
  });

  test.each([401, 403, 418, 429, 451])('HTTP %i is a refusal, and Retry-After is told', async (status) => {
    const url = await venue((_, response) => response.writeHead(status, { 'retry-after': '7' }).end('{}'));

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({
      code: 'DL_VENUE_REFUSED',
      message: `${new URL(url).host} answers HTTP ${status}; it says to retry after 7 s`,
    });
  });

  test('HTTP 500 is no answer of a venue', async () => {
    const url = await venue((_, response) => response.writeHead(500).end('oops'));

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({
      code: 'DL_VENUE_FOREIGN',
      message: `${new URL(url).host} answers HTTP 500`,
    });
  });

  test.each([
    ['a page', '<html>', 'not JSON'],
    ['nothing', '', 'not JSON'],
    ['null', 'null', 'not JSON'],
    ['a number', '17', 'not JSON'],
    ['no symbols', '{}', 'without symbols'],
    ['symbols that are no list', '{"symbols":{}}', 'without symbols'],
    ['a list', '[]', 'without symbols'],
  ])('an answer of %s is foreign', async (_, text, words) => {
    const url = await venue((_request, response) => response.end(text));

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({
      code: 'DL_VENUE_FOREIGN',
      message: expect.stringContaining(words),
    });
  });

  test('entries of foreign shape are no symbols', async () => {
    const url = await venue(listing([null, 17, 'BTCUSDT', { name: 'BTCUSDT' }]));

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({ code: 'DL_SYMBOL_UNKNOWN' });
  });

  test('nobody listens there: unreachable, with the reason', async () => {
    const url = await venue(listing(TWO));
    server!.close();
    await once(server!, 'close');

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('an answer that breaks off in the middle: unreachable', async () => {
    const url = await venue((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"symbols":[', () => response.destroy());
    });

    await expect(checkSymbols(url, ['BTCUSDT'], fetch)).rejects.toMatchObject({ code: 'DL_VENUE_UNREACHABLE' });
  });

  test('a host that does not exist: unreachable, named', async () => {
    await expect(checkSymbols('http://nowhere.invalid', ['BTCUSDT'], fetch)).rejects.toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('nowhere.invalid'),
    });
  });

  test('a venue that is too slow is given up: each call carries a deadline', async () => {
    const slow: typeof fetch = async (_, options) => {
      expect(options?.signal).toBeInstanceOf(AbortSignal);
      throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    };

    await expect(checkSymbols('http://slow.example', ['BTCUSDT'], slow)).rejects.toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: 'slow.example cannot be reached: The operation was aborted due to timeout',
    });
  });
});

/** The venue's REST side: which symbols it lists. */
import { DepthlakeError, reasonOf } from '../errors.ts';

const TIMEOUT_MS = 15_000;
/** HTTP answers that mean "not to you" or "not now". */
const REFUSALS = new Set([401, 403, 418, 429, 451]);

export type Fetch = typeof fetch;

/**
 * Checks that the venue lists every symbol with status TRADING.
 * @throws DL_SYMBOL_UNKNOWN naming those it does not, DL_VENUE_UNREACHABLE, DL_VENUE_REFUSED, DL_VENUE_FOREIGN
 */
export async function checkSymbols(restUrl: string, symbols: readonly string[], fetcher: Fetch): Promise<void> {
  const body = await getJson(`${restUrl.replace(/\/$/, '')}/api/v3/exchangeInfo`, fetcher);
  const listed = (body as { symbols?: unknown }).symbols;
  if (!Array.isArray(listed)) {
    throw new DepthlakeError('DL_VENUE_FOREIGN', `${new URL(restUrl).host} answers exchangeInfo without symbols`);
  }
  const status = new Map<unknown, unknown>(listed.map((entry) => [entry?.symbol, entry?.status]));
  const problems = symbols
    .filter((symbol) => status.get(symbol) !== 'TRADING')
    .map((symbol) => (status.has(symbol) ? `${symbol} (status ${status.get(symbol)})` : symbol));
  if (problems.length > 0) {
    throw new DepthlakeError(
      'DL_SYMBOL_UNKNOWN',
      `${new URL(restUrl).host} does not trade ${problems.join(', ')}; it lists ${status.size} symbols`,
    );
  }
}

/** The error for an HTTP status other than success. */
export function httpError(host: string, status: number, retryAfter?: string | null): DepthlakeError {
  const unit = /^\d+$/.test(retryAfter ?? '') ? ' s' : '';
  const wait = retryAfter ? `; it says to retry after ${retryAfter}${unit}` : '';
  return new DepthlakeError(
    REFUSALS.has(status) ? 'DL_VENUE_REFUSED' : 'DL_VENUE_FOREIGN',
    `${host} answers HTTP ${status}${wait}`,
  );
}

async function getJson(url: string, fetcher: Fetch): Promise<object> {
  const { host } = new URL(url);
  let response: Response;
  let text: string;
  try {
    response = await fetcher(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (cause) {
    const detail = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    throw new DepthlakeError('DL_VENUE_UNREACHABLE', `${host} cannot be reached: ${reasonOf(detail)}`, { cause });
  }
  if (!response.ok) throw httpError(host, response.status, response.headers.get('retry-after'));
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new DepthlakeError('DL_VENUE_FOREIGN', `${host} answers with something that is not JSON`);
}

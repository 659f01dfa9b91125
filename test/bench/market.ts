/** Frames to measure with: recorded ones where they are, else the simulated market's. */

import { wrap } from '../../infra/local/exchange/protocol.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { type Published, Simulation } from '../../infra/local/exchange/simulation.ts';
import { depth20Stream } from '../../producer/feed/binance.ts';
import { missing, readRecording, recordingsIn } from '../producer/recordings.ts';

/** A message as the exchange sent it, and when. */
export interface Received {
  readonly atMs: number;
  readonly text: string;
}

export interface Frames {
  /** What they are, in words. */
  readonly source: string;
  readonly symbols: readonly string[];
  readonly frames: readonly Received[];
}

export const SYMBOLS: readonly string[] = ROSTER.slice(0, 20);
export const FRAME_INTERVAL_MS = 100;

/** A full hour begins here, so that no pack is cut by its end. */
export const START_MS = Date.UTC(2026, 8, 1, 12);
const SEED = 7;
const SEED_LEVELS = 5_000;
const RECORDED = 'depth20-derived';

/** Ten frames a second of each symbol; the same ones for the same symbols and duration. */
export function simulatedFrames(durationMs: number, symbols = SYMBOLS): Frames {
  const { messages } = simulatedMessages(durationMs, symbols, (symbol) => [depth20Stream(symbol)]);
  const frames = messages.map(({ atMs, stream, body }) => ({ atMs, text: wrap(stream, body) }));
  return { source: `simulated, ${symbols.length} symbols`, symbols, frames };
}

export interface Messages {
  /** The whole book of each symbol before its first message, as the REST API gives it. */
  readonly seeds: ReadonlyMap<string, string>;
  readonly messages: readonly Published[];
}

/** What a market says on these streams; the same for the same symbols and duration. */
export function simulatedMessages(
  durationMs: number,
  symbols: readonly string[],
  streamsOf: (symbol: string) => readonly string[],
): Messages {
  const messages: Published[] = [];
  const simulation = new Simulation({
    symbols,
    seed: SEED,
    frameIntervalMs: FRAME_INTERVAL_MS,
    startMs: START_MS,
    publish: (message) => messages.push(message),
  });
  simulation.follow(symbols.flatMap(streamsOf), START_MS);
  const seeds = new Map(symbols.map((symbol) => [symbol, simulation.depth(symbol, SEED_LEVELS, START_MS, 0)!]));
  const endMs = START_MS + durationMs;
  for (let nowMs = START_MS; nowMs < endMs; nowMs += FRAME_INTERVAL_MS) simulation.beat(nowMs);
  return { seeds, messages };
}

/** The recordings one after the other, or a simulated minute. */
export function recordedFrames(): Frames {
  if (missing(RECORDED) !== null) return simulatedFrames(60_000);
  const lines = recordingsIn(RECORDED).flatMap((file) => readRecording(file).trim().split('\n'));
  const frames = lines.map((line) => {
    const at = line.indexOf(' ');
    return { atMs: Number(BigInt(line.slice(0, at)) / 1_000_000n), text: line.slice(at + 1) };
  });
  const streams = frames.map(({ text }) => (JSON.parse(text) as { stream: string }).stream);
  const symbols = [...new Set(streams.map((stream) => stream.split('@')[0]!.toUpperCase()))];
  return { source: `recorded (${RECORDED}), ${symbols.length} symbols`, symbols, frames };
}

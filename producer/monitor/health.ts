/** Whether the producer is alive, and whether it does what it is there for. */

export interface Vitals {
  /** When the last frame or diff came; like all times here UTC epoch ms, null: never. */
  readonly lastFrameMs: number | null;
  readonly lastAcceptedMs: number | null;
  readonly queuedRows: number;
  readonly spillRows: number;
  /** Since when Kinesis refuses; null while it accepts. */
  readonly refusingSinceMs: number | null;
}

/** The answer to a probe: well where nothing is the matter. */
export interface Verdict {
  readonly reasons: readonly string[];
}

/** A quiet symbol may rest for long, a whole connection hardly ever. */
const FRAME_WITHIN_MS = 60_000;
/** One refused call is answered by a retry; a state that lasts is a failure. */
const REFUSED_FOR_MS = 10_000;
/** Longer than a call may hang and be tried again. */
const ACCEPTED_WITHIN_MS = 30_000;

/** Alive: what the producer needs was there once, and the process answers. */
export function health({ lastAcceptedMs }: Vitals): Verdict {
  return { reasons: lastAcceptedMs === null ? ['Kinesis has not accepted a pack yet'] : [] };
}

/** Ready: frames flow and Kinesis accepts. */
export function readiness(vitals: Vitals, lingerMs: number, nowMs: number): Verdict {
  return { reasons: [...feedReasons(vitals, nowMs), ...streamReasons(vitals, lingerMs, nowMs)] };
}

function feedReasons({ lastFrameMs }: Vitals, nowMs: number): string[] {
  if (lastFrameMs === null) return ['no frame has come yet'];
  const ms = nowMs - lastFrameMs;
  return ms > FRAME_WITHIN_MS ? [`no frame has come for ${seconds(ms)}`] : [];
}

function streamReasons(vitals: Vitals, lingerMs: number, nowMs: number): string[] {
  const { lastAcceptedMs, queuedRows, spillRows, refusingSinceMs } = vitals;
  const refusedMs = refusingSinceMs === null ? 0 : nowMs - refusingSinceMs;
  const refused = refusedMs > REFUSED_FOR_MS ? [`Kinesis refuses for ${seconds(refusedMs)}`] : [];
  if (lastAcceptedMs === null) return [...refused, ...health(vitals).reasons];
  const ms = nowMs - lastAcceptedMs;
  const waiting = queuedRows + spillRows > 0 && ms > lingerMs + ACCEPTED_WITHIN_MS;
  const what = `${queuedRows} rows in memory and ${spillRows} on disk wait`;
  return waiting ? [...refused, `${what}, and Kinesis has accepted nothing for ${seconds(ms)}`] : refused;
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}

/**
 * `--book depth20`: a snapshot of each frame. The frames carry no proof of completeness, so nothing is verified, and a
 * hole is known only where a connection was lost or proved silent.
 */
import { DEPTH_LEVELS } from '../../record.ts';
import type { Snapshot } from '../observation.ts';
import type { MissedFrames } from '../signal.ts';
import type { Depth20Frame, Diff } from '../venue.ts';
import { Frames } from './frames.ts';
import type { SymbolContext, SymbolObserver } from './symbol.ts';

export class Depth20Observer implements SymbolObserver {
  readonly #context: SymbolContext;
  readonly #frames: Frames;
  #uncoveredTold = false;

  constructor(context: SymbolContext) {
    this.#context = context;
    this.#frames = new Frames(
      context,
      ({ snapshot }) => {
        if (snapshot !== null) this.#record(snapshot);
      },
      () => {},
    );
  }

  get lastMs(): number | null {
    return this.#frames.lastMs;
  }

  take(message: Depth20Frame | Diff, atMs: number): void {
    if (message.kind === 'frame') this.#frames.take(message, atMs);
  }

  outage(): boolean {
    return this.#frames.outage();
  }

  handedOver(): void {}

  missed(frames: MissedFrames): void {
    this.#frames.missed(frames);
  }

  seed(): void {}

  tick(): void {}

  end(atMs: number): void {
    this.#frames.end(atMs);
  }

  #record(snapshot: Snapshot): void {
    const { symbol, emit, log } = this.#context;
    const { bid_levels_covered, ask_levels_covered } = snapshot;
    emit(snapshot);
    if (this.#uncoveredTold || Math.min(bid_levels_covered, ask_levels_covered) === DEPTH_LEVELS.length) return;
    this.#uncoveredTold = true;
    log('warn', 'levels_uncovered', { symbol, bid_levels_covered, ask_levels_covered, cure: '--book full' });
  }
}

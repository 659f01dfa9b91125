/** Who follows what, and the way of a message to all of them: built once, sent to each. */
import type { Connection } from './connection.ts';
import { Distortion, type Faults, type Outgoing } from './faults.ts';
import { type Message, wrap } from './protocol.ts';
import { Random } from './random.ts';

/** What was handed to the sockets of one stream. */
export interface StreamTally {
  /** Good messages that at least one subscriber was sent, late ones included. */
  messages: number;
  /** Good messages times subscribers. */
  deliveries: number;
  /** Book id of the latest good message sent in time; null for a stream without ids. */
  lastId: number | null;
  /** Good messages left out by `skipDiffs` or `skipFrames`. */
  skipped: number;
  /** Good messages sent a second time by `repeatFrames`. */
  repeated: number;
  /** Good messages sent out of order by `lateFrames`. */
  late: number;
  /** Extra messages sent. */
  injected: number;
}

export class Hub {
  readonly #subscribers = new Map<string, Set<Connection>>();
  /** Grows with the streams that exist, not with what subscribers ask for. */
  readonly #tallies = new Map<string, StreamTally>();
  readonly #faults: Faults;
  readonly #distortion: Distortion;
  readonly #silence: Random;
  readonly #onSent: (message: Message) => void;
  /** Called when the set of followed streams changes. */
  onChange: () => void = () => {};

  /** @param onSent is told each good message that at least one subscriber is sent, also a late one */
  constructor(faults: Faults, seed: number, onSent: (message: Message) => void = () => {}) {
    this.#onSent = onSent;
    this.#faults = faults;
    this.#distortion = new Distortion(faults, seed);
    this.#silence = new Random(`${seed}:silence`);
  }

  /** The streams that somebody follows, existing or not. */
  followed(): string[] {
    return [...this.#subscribers.keys()];
  }

  follows(stream: string): boolean {
    return this.#subscribers.has(stream);
  }

  subscribe(connection: Connection, streams: readonly string[]): void {
    const before = this.#subscribers.size;
    for (const stream of streams) {
      if (this.#silence.chance(this.#faults.silentStreams)) continue;
      const subscribers = this.#subscribers.get(stream);
      if (subscribers === undefined) this.#subscribers.set(stream, new Set([connection]));
      else subscribers.add(connection);
    }
    if (this.#subscribers.size !== before) this.onChange();
  }

  unsubscribe(connection: Connection, streams: readonly string[]): void {
    const before = this.#subscribers.size;
    for (const stream of streams) {
      const subscribers = this.#subscribers.get(stream);
      subscribers?.delete(connection);
      if (subscribers?.size === 0) this.#subscribers.delete(stream);
    }
    if (this.#subscribers.size !== before) this.onChange();
  }

  /** Hands a message to everybody who follows its stream, as the faults allow. */
  publish(message: Message): void {
    if (this.#faults.stall || this.#faults.mute || !this.follows(message.stream)) return;
    if (!this.#distortion.active) {
      this.#send({ message, as: 'good', raw: false });
      return;
    }
    for (const each of this.#distortion.apply(message)) this.#send(each);
  }

  /** Sends what `lateFrames` still holds back; called when nothing more comes. */
  release(): void {
    for (const late of this.#distortion.release()) this.#send(late);
  }

  /** What was sent, by stream. */
  tallies(belongs: (stream: string) => boolean): Record<string, Readonly<StreamTally>> {
    return Object.fromEntries([...this.#tallies].filter(([stream]) => belongs(stream)).map(([k, v]) => [k, { ...v }]));
  }

  #send({ message, as, raw }: Outgoing): void {
    const subscribers = this.#subscribers.get(message.stream);
    if (subscribers === undefined) return;
    this.#count(message, as, subscribers.size);
    if (as === 'skipped') return;
    let bare: Buffer | undefined;
    let wrapped: Buffer | undefined;
    for (const connection of subscribers) {
      if (connection.wrapped && !raw) {
        wrapped ??= Buffer.from(wrap(message.stream, message.body));
        connection.send(wrapped);
      } else {
        bare ??= Buffer.from(message.body);
        connection.send(bare);
      }
    }
  }

  #count(message: Message, as: Outgoing['as'], subscribers: number): void {
    const tally = this.#tally(message.stream);
    if (as === 'skipped') {
      tally.skipped += 1;
    } else if (as === 'injected') {
      tally.injected += 1;
    } else if (as === 'repeat') {
      tally.repeated += 1;
    } else {
      this.#onSent(message);
      tally.messages += 1;
      tally.deliveries += subscribers;
      if (as === 'late') tally.late += 1;
      else tally.lastId = message.id;
    }
  }

  #tally(stream: string): StreamTally {
    let tally = this.#tallies.get(stream);
    if (tally === undefined) {
      tally = { messages: 0, deliveries: 0, lastId: null, skipped: 0, repeated: 0, late: 0, injected: 0 };
      this.#tallies.set(stream, tally);
    }
    return tally;
  }
}

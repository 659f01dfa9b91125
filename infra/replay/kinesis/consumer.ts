/** A registered consumer of a stream, for as long as a replay reads as one. A stream has at most 20 of them (API reference; 50 in on-demand advantage mode). */
import { randomBytes } from 'node:crypto';
import {
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import { type Calling, passes, persist } from './failures.ts';
import { pause, within } from './pause.ts';

const POLL_MS = 200;
const CALL_TIMEOUT_MS = 10_000;
/** A consumer is ACTIVE within seconds; AWS states no bound. */
const ACTIVE_WITHIN_MS = 120_000;
/** A call of this kind is throttled above five a second a stream (API reference), and refused while AWS makes the consumer. */
const DEREGISTER_ATTEMPTS = 5;
const DEREGISTER_EVERY_MS = 1000;

export class Consumer {
  readonly #identity: { readonly StreamARN: string; readonly ConsumerName: string };
  readonly #calling: Calling;

  constructor(streamArn: string, calling: Calling) {
    const name = `depthlake-replay-${randomBytes(6).toString('hex')}`;
    this.#identity = { StreamARN: streamArn, ConsumerName: name };
    this.#calling = calling;
  }

  /**
   * Settles when it may subscribe.
   * @returns its ARN
   * @throws DL_REPLAY_UNREACHABLE where it does not become active; what {@link persist} throws
   */
  async register(): Promise<string> {
    const { clock, signal } = this.#calling;
    const sinceMs = clock.now();
    await this.#persist(() => this.#registerOnce());
    for (;;) {
      const description = await this.#persist(() => this.#describe());
      if (description?.ConsumerStatus === 'ACTIVE') return description.ConsumerARN!;
      if (clock.now() - sinceMs > ACTIVE_WITHIN_MS) {
        const message = `${this.#what} is not active after ${ACTIVE_WITHIN_MS / 1000} s`;
        throw new DepthlakeError('DL_REPLAY_UNREACHABLE', message);
      }
      await pause(POLL_MS, clock, signal);
    }
  }

  /** Whatever became of `register`, and also where the signal is aborted: a consumer costs money while it is there. */
  async deregister(): Promise<void> {
    const { clock, log } = this.#calling;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#deregisterOnce();
      } catch (error) {
        if (attempt === DEREGISTER_ATTEMPTS || !passes(error)) {
          log(`${this.#what} may still be registered, which costs money: ${reasonOf(error)}`);
          return;
        }
      }
      await pause(DEREGISTER_EVERY_MS, clock, new AbortController().signal);
    }
  }

  get #what(): string {
    return `the consumer ${this.#identity.ConsumerName} of ${this.#calling.stream}`;
  }

  #persist<T>(call: () => Promise<T>): Promise<T> {
    const { clock, signal } = this.#calling;
    return persist(this.#what, this.#calling, () => within(CALL_TIMEOUT_MS, call(), clock, signal));
  }

  async #registerOnce(): Promise<void> {
    try {
      await this.#calling.client.send(new RegisterStreamConsumerCommand(this.#identity));
    } catch (error) {
      // Its name is ours alone: an earlier call whose answer was lost.
      if ((error as Error).name !== 'ResourceInUseException') throw error;
    }
  }

  async #deregisterOnce(): Promise<void> {
    const command = new DeregisterStreamConsumerCommand(this.#identity);
    try {
      await this.#calling.client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    } catch (error) {
      // It was never registered, or an earlier call did it whose answer was lost.
      if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    }
  }

  async #describe() {
    const command = new DescribeStreamConsumerCommand(this.#identity);
    return (await this.#calling.client.send(command)).ConsumerDescription;
  }
}

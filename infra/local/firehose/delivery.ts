/** Decides where each record goes: the table's prefix, by partition keys, or the error prefix, by kind of error. */
import type { Buffers, Destination } from './buffers.ts';
import {
  bufferIdOf,
  evaluatePrefix,
  objectName,
  PREFIX_MAX_CHARACTERS,
  type PrefixPart,
  parsePrefix,
} from './prefix.ts';
import { type BatchRecord, type DeliveryStats, type ErrorRecord, FirehoseError } from './record.ts';

export interface DeliverySettings {
  readonly name: string;
  /** The delivery stream's version, part of every object's key. */
  readonly version: number;
  readonly prefix: string;
  readonly errorPrefix: string;
  readonly fileExtension: string;
  readonly dynamicPartitioning: boolean;
  readonly activePartitions: number;
}

export type ErrorType = 'processing-failed' | 'activePartitionExceeded';

/** Why a record cannot be delivered to the table. */
export interface Refused {
  readonly errorType: ErrorType;
  readonly errorCode: string;
  readonly errorMessage: string;
}

export class Delivery {
  readonly #settings: DeliverySettings;
  readonly #prefix: readonly PrefixPart[];
  readonly #errorPrefix: readonly PrefixPart[];
  readonly #buffers: Buffers;
  readonly #errorBuffers: Buffers;
  readonly #stats: DeliveryStats;

  /** @throws InvalidArgumentException for prefixes that the service refuses */
  constructor(settings: DeliverySettings, buffers: Buffers, errorBuffers: Buffers, stats: DeliveryStats) {
    checkSettings(settings);
    this.#settings = settings;
    // Like the service: a prefix without any expression gets the arrival's hour.
    const { prefix } = settings;
    this.#prefix = parsePrefix(prefix.includes('!{') ? prefix : `${prefix}!{timestamp:yyyy/MM/dd/HH}/`);
    this.#errorPrefix = parsePrefix(settings.errorPrefix);
    this.#buffers = buffers;
    this.#errorBuffers = errorBuffers;
    this.#stats = stats;
  }

  /** Buffers a transformed record, or says why it cannot be delivered. */
  accept(record: BatchRecord, data: Buffer, given: Readonly<Record<string, unknown>>): Refused | null {
    const { dynamicPartitioning, activePartitions } = this.#settings;
    const partitionKeys = dynamicPartitioning ? this.#partitionKeysOf(given) : {};
    if (typeof partitionKeys === 'string') return extractionFailed(partitionKeys);
    const length = evaluatePrefix(this.#prefix, { partitionKeys, oldestMs: record.arrivalMs }).length;
    if (length > PREFIX_MAX_CHARACTERS) {
      return extractionFailed(`The evaluated prefix has ${length} characters, more than ${PREFIX_MAX_CHARACTERS}`);
    }
    const destination = this.#tableDestination(partitionKeys);
    if (dynamicPartitioning && !this.#buffers.isActive(destination.id) && this.#buffers.active >= activePartitions) {
      return {
        errorType: 'activePartitionExceeded',
        errorCode: 'DynamicPartitioning.ActivePartitionsExceeded',
        errorMessage: `More than ${activePartitions} partitions are active`,
      };
    }
    this.#buffers.add(destination, data, record.arrivalMs);
    return null;
  }

  /** Why a record with these partition keys has no evaluated prefix, or null where it has one. */
  refusalOfKeys(given: Readonly<Record<string, unknown>>): Refused | null {
    if (!this.#settings.dynamicPartitioning) return null;
    const keys = this.#partitionKeysOf(given);
    return typeof keys === 'string' ? extractionFailed(keys) : null;
  }

  /** Buffers one line for the error prefix. */
  acceptError(errorType: ErrorType, error: ErrorRecord): void {
    const { name, version } = this.#settings;
    const destination: Destination = {
      id: bufferIdOf(this.#errorPrefix, { errorType }),
      error: true,
      keyOf: (oldestMs) =>
        evaluatePrefix(this.#errorPrefix, { errorType, oldestMs }) + objectName(name, version, oldestMs),
    };
    this.#stats.errorRecords += 1;
    this.#errorBuffers.add(destination, Buffer.from(`${JSON.stringify(error)}\n`), error.arrivalTimestamp);
  }

  async flush(): Promise<void> {
    await Promise.all([this.#buffers.flush(), this.#errorBuffers.flush()]);
  }

  stop(): void {
    this.#buffers.stop();
    this.#errorBuffers.stop();
  }

  #tableDestination(partitionKeys: Readonly<Record<string, string>>): Destination {
    const { name, version, fileExtension } = this.#settings;
    return {
      id: bufferIdOf(this.#prefix, { partitionKeys }),
      error: false,
      keyOf: (oldestMs) =>
        evaluatePrefix(this.#prefix, { partitionKeys, oldestMs }) + objectName(name, version, oldestMs) + fileExtension,
    };
  }

  /** The keys that the prefix names, or, as text, why they cannot be had. */
  #partitionKeysOf(given: Readonly<Record<string, unknown>>): Record<string, string> | string {
    const keys: Record<string, string> = {};
    for (const part of this.#prefix) {
      if (part.kind !== 'partitionKey') continue;
      const value = Object.hasOwn(given, part.name) ? given[part.name] : null;
      if (typeof value !== 'string' || value === '') return `The partition key ${part.name} is null or empty`;
      keys[part.name] = value;
    }
    return keys;
  }
}

function extractionFailed(errorMessage: string): Refused {
  return { errorType: 'processing-failed', errorCode: 'DynamicPartitioning.MetadataExtractionFailed', errorMessage };
}

function checkSettings({ prefix, errorPrefix, fileExtension, dynamicPartitioning }: DeliverySettings): void {
  const refuse = (message: string): never => {
    throw new FirehoseError('InvalidArgumentException', message);
  };
  const keyed = parsePrefix(prefix).some((part) => part.kind === 'partitionKey');
  const errorParts = parsePrefix(errorPrefix);
  if (parsePrefix(prefix).some((part) => part.kind === 'errorType')) refuse('Prefix cannot hold an error-output-type');
  if (keyed && !dynamicPartitioning) refuse('Prefix holds a partition key, but dynamic partitioning is not enabled');
  if (!keyed && dynamicPartitioning) refuse('Dynamic partitioning is enabled, but Prefix holds no partition key');
  if (!errorParts.some((part) => part.kind === 'errorType')) {
    refuse('ErrorOutputPrefix must hold !{firehose:error-output-type}');
  }
  if (errorParts.some((part) => part.kind === 'partitionKey')) refuse('ErrorOutputPrefix cannot hold a partition key');
  if (!/^$|^\.[0-9a-z!\-_.*'()]+$/.test(fileExtension)) refuse(`FileExtension ${fileExtension} is invalid`);
}

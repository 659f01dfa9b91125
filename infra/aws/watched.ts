/** A deployed system by the names that its metrics have as dimensions. `V`: how they are known, as text or as outputs to come. */
export interface WatchedProducer<V> {
  /** Dimension `producer` of its figures. */
  readonly producer: string;
  /** The name of its ECS service. */
  readonly service: V;
}

export interface Watched<V> {
  readonly stack: string;
  readonly producers: readonly WatchedProducer<V>[];
  readonly cluster: V;
  readonly stream: V;
  readonly transformer: V;
  /** The delivery stream that reads from the stream. */
  readonly delivery: V;
  /** The delivery stream that takes direct puts. */
  readonly backfill: V;
  readonly bucket: V;
  /** Names of the queues. */
  readonly failures: V;
  readonly deadLetters: V;
}

import { type KinesisSourceOptions, kinesisSource } from '../../infra/replay/kinesis-source.ts';
import type { ResumePoint, Selection, SourceItem } from '../../producer/replay/source.ts';
import { START_MS } from '../local/firehose-harness.ts';
import type { FakeKinesis } from './fake-kinesis.ts';
import { EVERYTHING } from './kinesis-stream.ts';

interface Reading {
  readonly kinesis: FakeKinesis;
  readonly items: SourceItem[];
  /** What the reading ended with: null without an error. */
  ended: { readonly error: Error | null } | null;
  readonly abort: () => void;
  /** The shards and times of the packs, in the order in which they came. */
  packs(): string[];
}

/** Begins a reading; it goes on while the clock is moved. */
export function begin(
  kinesis: FakeKinesis,
  options: Partial<KinesisSourceOptions> = {},
  selection: Partial<Selection> = {},
  resume: ResumePoint | null = null,
): Reading {
  const source = kinesisSource({
    client: kinesis.client,
    stream: 'depthlake',
    start: { kind: 'time' },
    lateMs: 0,
    follow: false,
    fanOut: false,
    clock: kinesis.clock,
    random: () => 0.5,
    ...options,
  });
  const controller = new AbortController();
  const packs = () =>
    reading.items.flatMap(({ run }) =>
      (run ?? { rows: [] }).rows.map(({ row }) => `${run!.part}@${row.timestamp_ms - START_MS}`),
    );
  const reading: Reading = { kinesis, items: [], ended: null, abort: () => controller.abort(), packs };
  const read = async () => {
    const items = source.read({ ...EVERYTHING, ...selection }, resume, controller.signal);
    for await (const item of items) reading.items.push(item);
  };
  read().then(
    () => (reading.ended = { error: null }),
    (error) => (reading.ended = { error }),
  );
  return reading;
}

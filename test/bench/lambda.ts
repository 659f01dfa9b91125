/** The built transformer in a process of its own, as Lambda runs it: a full batch comes as JSON and leaves as JSON. */
import { spawnSync } from 'node:child_process';
import { builtFile } from '../../infra/commands/package.ts';
import { bufferSizeMb } from '../../transformer/buffer-size.ts';
import { CODECS, type Codec } from '../../transformer/codec.ts';
import type { FirehoseEvent } from '../../transformer/firehose-event.ts';
import { simulatedFrames } from './market.ts';
import { type Bench, digits } from './report.ts';
import { packsOf, rowsOf } from './row-sizes.ts';

const SIMULATED_MS = 60_000;
const MIB = 1024 * 1024;

/** Each invocation parses its request and writes its response anew; memory is what the process took at its most. */
const INVOKE = `
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const request = Buffer.concat(chunks).toString();
  const { handler } = await import(process.argv[1]);
  const seconds = [];
  let refused = 0;
  for (let call = 0; call < Number(process.argv[2]); call += 1) {
    const before = process.cpuUsage();
    const response = JSON.stringify(await handler(JSON.parse(request)));
    const { user, system } = process.cpuUsage(before);
    seconds.push((user + system) / 1e6);
    refused += response.split('"ProcessingFailed"').length - 1;
  }
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(JSON.stringify({ node: process.versions.node, seconds, refused, peakMb: (maxRSS * 1024) / 1e6 }));
`;

interface Measured {
  readonly node: string;
  /** CPU of each invocation, all threads. */
  readonly seconds: readonly number[];
  readonly refused: number;
  readonly peakMb: number;
}

/** As many packs as Firehose collects for one invocation. */
function batchOf(packs: readonly Buffer[], bufferMb: number): FirehoseEvent {
  const records: FirehoseEvent['records'][number][] = [];
  let bytes = 0;
  for (const data of packs) {
    bytes += data.length;
    if (bytes > bufferMb * MIB) return { invocationId: 'bench', records };
    records.push({ recordId: String(records.length).padStart(56, '0'), data: data.toString('base64') });
  }
  throw new Error(`the packs of ${SIMULATED_MS} ms have only ${bytes} bytes`);
}

function measure(event: FirehoseEvent, codec: Codec, calls: number): Measured {
  const args = ['--input-type=module', '--eval', INVOKE, `file://${builtFile('transformer')}`, String(calls)];
  // The runtime that is deployed to, where it is at hand.
  const node = process.env['DEPTHLAKE_NODE24'] || process.execPath;
  const options = { input: JSON.stringify(event), env: { DEPTHLAKE_CODEC: codec }, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(node, args, options);
  if (status !== 0) throw new Error(`the transformer ended with status ${status}: ${stderr}`);
  const measured = JSON.parse(stdout) as Measured;
  if (measured.refused > 0) throw new Error(`the transformer refused ${measured.refused} records`);
  return measured;
}

export const lambdaBench: Bench = {
  title: 'Transformer on Lambda',
  async run({ quick, progress }) {
    const calls = quick ? 5 : 30;
    const rows: string[] = [];
    const all: Measured[] = [];
    for (const rawLevels of [false, true]) {
      const packs = packsOf(rowsOf(simulatedFrames(SIMULATED_MS), rawLevels)).map(({ data }) => data);
      for (const codec of CODECS) {
        progress(`${codec}${rawLevels ? ', raw levels' : ''}`);
        const bufferMb = bufferSizeMb(codec, rawLevels);
        const measured = measure(batchOf(packs, bufferMb), codec, calls);
        const [first, ...warm] = measured.seconds;
        all.push(measured);
        rows.push(
          `| ${codec}${rawLevels ? ', raw levels' : ''} | ${bufferMb} MB | ${digits(measured.peakMb)} MB | ${digits(first!)} s | ${digits(Math.max(...warm))} s |`,
        );
      }
    }
    const peakMb = Math.max(...all.map((measured) => measured.peakMb));
    const slowest = Math.max(...all.flatMap(({ seconds }) => seconds));
    return {
      headline: `at most ${digits(peakMb)} MB and ${digits(slowest)} s of CPU for a full batch`,
      lines: [
        `The built handler under Node ${all[0]!.node}, in a process of its own, ${calls} times the largest batch that Firehose collects for a call: JSON parsed, transformed, JSON written. Seconds are CPU time of all threads on this machine; Lambda grants a whole CPU at 1,769 MB and a part of it below.`,
        '',
        '| codec | batch | memory at its peak | CPU of the first call | of the slowest warm one |',
        '|---|---|---|---|---|',
        ...rows,
      ],
    };
  },
};

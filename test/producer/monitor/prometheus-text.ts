/**
 * Reads Prometheus' text format, strictly (https://prometheus.io/docs/instrumenting/exposition_formats/): each line is
 * a help, a type, a sample or empty; a family's lines stand together, help and type before its samples.
 */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP = new RegExp(`^# HELP (${NAME}) (.+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.+)\\})? (Nan|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;

export function readPrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: RegExpExecArray | null = null;
  let family: Family | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP')) {
      help = matched(HELP, line);
      family = null;
    } else if (line.startsWith('# TYPE')) {
      const [, name, type] = matched(TYPE, line);
      if (help?.[1] !== name || families.has(name!)) throw new Error(`type without its help, or twice: ${line}`);
      family = { name: name!, help: help![2]!, type: type as Family['type'], samples: [] };
      families.set(family.name, family);
    } else {
      const sample = sampleOf(line);
      if (family === null || !belongs(sample, family)) throw new Error(`a sample outside its family: ${line}`);
      const identity = JSON.stringify([sample.name, sample.labels]);
      if (seen.has(identity)) throw new Error(`a sample twice: ${line}`);
      seen.add(identity);
      family.samples.push(sample);
    }
  }
  return families;
}

function sampleOf(line: string): Sample {
  const [, name, labels, value] = matched(SAMPLE, line);
  return { name: name!, labels: labelsOf(labels ?? ''), value: Number(value!.replace('Inf', 'Infinity')) };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ''; ) {
    const [whole, name, value] = matched(LABEL, rest);
    labels[name!] = value!;
    rest = rest.slice(whole.length);
  }
  return labels;
}

function belongs(sample: Sample, { name, type }: Family): boolean {
  if (type === 'counter' || type === 'gauge') return sample.name === name;
  return [`${name}_bucket`, `${name}_sum`, `${name}_count`, name].includes(sample.name);
}

function matched(pattern: RegExp, line: string): RegExpExecArray {
  const match = pattern.exec(line);
  if (match === null) throw new Error(`no line of the format: ${line}`);
  return match;
}

/** The `Expression` of GetPartitions: comparisons of a partition key with a literal, joined by AND. */

export interface KeyColumn {
  readonly Name: string;
  readonly Type?: string;
}

type Matches = (values: readonly string[]) => boolean;

const COMPARISON = /^\s*\(?\s*(\w+)\s*(=|<>|!=|<=|>=|<|>)\s*(?:'([^']*)'|(-?\d+))\s*\)?\s*$/;
const NUMERIC = /^(tiny|small|big)?int$/;

const COMPARE: Record<string, (difference: number) => boolean> = {
  '=': (difference) => difference === 0,
  '<>': (difference) => difference !== 0,
  '!=': (difference) => difference !== 0,
  '<': (difference) => difference < 0,
  '<=': (difference) => difference <= 0,
  '>': (difference) => difference > 0,
  '>=': (difference) => difference >= 0,
};

/** What the expression says of a partition's values, or, as text, why it cannot be understood; undefined and '' match all. */
export function partitionFilter(expression: unknown, keys: readonly KeyColumn[]): Matches | string {
  if (expression === undefined || expression === '') return () => true;
  const conditions: Matches[] = [];
  for (const part of String(expression).split(/\bAND\b/i)) {
    const match = COMPARISON.exec(part);
    if (match === null) return `Unsupported expression '${part.trim()}'`;
    const index = keys.findIndex((key) => key.Name === match[1]!.toLowerCase());
    if (index < 0) return `Unknown partition key '${match[1]}'`;
    const literal = match[3] ?? match[4]!;
    const holds = COMPARE[match[2]!]!;
    const numeric = NUMERIC.test(keys[index]!.Type ?? 'string');
    conditions.push((values) => holds(difference(values[index]!, literal, numeric)));
  }
  return (values) => conditions.every((condition) => condition(values));
}

function difference(value: string, literal: string, numeric: boolean): number {
  if (numeric) return Number(value) - Number(literal);
  return value < literal ? -1 : Number(value > literal);
}

/** Findings as a test reads them. */
import type { Finding } from '../../infra/doctor/finding.ts';

export function findingOf(findings: readonly Finding[], what: string): Finding {
  const found = findings.filter((finding) => finding.what === what);
  if (found.length !== 1) throw new Error(`${found.length} findings of ${what} in ${JSON.stringify(findings)}`);
  return found[0]!;
}

/** `failure kinesis stream`, in their order. */
export function verdictsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ verdict, what }) => `${verdict} ${what}`);
}

/** Whatever is not ok says what to do, and nothing else does. */
export function lackingCures(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ verdict, cure }) => (verdict === 'ok') !== (cure === null));
}

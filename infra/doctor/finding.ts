/** What the doctor found, check by check. */
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { redactedText } from '../../producer/monitor/redaction.ts';

export type Verdict = 'ok' | 'warning' | 'failure';

export interface Finding {
  /** What was looked at: `clock`, `kinesis stream`, a symbol. */
  readonly what: string;
  readonly verdict: Verdict;
  readonly detail: string;
  /** What to do; null where the verdict is ok. */
  readonly cure: string | null;
}

/** Says which check is under way. */
export type Progress = (words: string) => void;

export function ok(what: string, detail: string): Finding {
  return { what, verdict: 'ok', detail, cure: null };
}

export function warning(what: string, detail: string, cure: string): Finding {
  return { what, verdict: 'warning', detail, cure };
}

export function failure(what: string, detail: string, cure: string): Finding {
  return { what, verdict: 'failure', detail, cure };
}

/** An error with a code as a failure, with the code's remedy. @throws any other error */
export function failureOf(what: string, error: unknown): Finding {
  if (!(error instanceof DepthlakeError)) throw error;
  return failure(what, oneLine(error), error.remedy);
}

/** The first line of what was thrown: what AWS appends to a bad signature repeats the request's headers. */
export function oneLine(thrown: unknown): string {
  return redactedText(reasonOf(thrown).split('\n')[0]!.trim());
}

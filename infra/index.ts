/** What the package exports: the data contract, container files, the audit and the replay. */

export { DepthlakeError, ERRORS, type ErrorCode } from '../producer/errors.ts';
export {
  type FeedEventRow,
  type OrderBookRow,
  type RowTypes,
  TABLE_NAMES,
  TABLES,
  type TableName,
  type TableRow,
} from '../producer/record.ts';
export type { ReplaySummary } from '../producer/replay/counts.ts';
export type { Problem } from '../producer/replay/source.ts';
export { CODECS, type Codec } from '../transformer/codec.ts';
export { readContainerFile, writeContainerFile } from '../transformer/container-file.ts';
export { Audit, type AuditResult, type AuditTotals, type CounterAudit, type SessionAudit } from './audit.ts';
export { Replay, type ReplayRequest, replay } from './replay/library.ts';

/**
 * The transformer's figures in CloudWatch's embedded metric format: one log line an invocation, of which CloudWatch Logs
 * makes metrics
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 */

/** What one invocation did. */
export interface InvocationFigures {
  /** Packs whose rows are in a delivered file. */
  readonly TransformedRecords: number;
  readonly TransformedRows: number;
  readonly TransformedFiles: number;
  /** Of the files. */
  readonly TransformedBytes: number;
  /** Records that go to the error prefix. */
  readonly RefusedRecords: number;
  /** Hours that the catalog does not know yet: Athena finds their rows once a later invocation or sealing registers them. */
  readonly UnregisteredPartitions: number;
}

const NAMESPACE = 'Depthlake';
const FUNCTION = 'transformer';

/** @param nowMs UTC epoch ms; @returns a line without its line feed */
export function figuresLine(stack: string, figures: InvocationFigures, nowMs: number): string {
  const metrics = Object.keys(figures).map((name) => ({
    Name: name,
    Unit: name === 'TransformedBytes' ? 'Bytes' : 'Count',
  }));
  return JSON.stringify({
    event: 'figures',
    stack,
    function: FUNCTION,
    ...figures,
    _aws: {
      Timestamp: nowMs,
      CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [['stack', 'function']], Metrics: metrics }],
    },
  });
}

/** What the checks of a deployed system need to know. */
import type { AthenaClient } from '@aws-sdk/client-athena';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { GlueClient } from '@aws-sdk/client-glue';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Progress } from '../finding.ts';

export interface DeployedScope {
  readonly clients: {
    readonly s3: S3Client;
    readonly glue: GlueClient;
    readonly athena: AthenaClient;
    readonly cloudwatch: CloudWatchClient;
  };
  readonly bucket: string;
  readonly database: string;
  readonly workgroup: string;
  /** Dimension of the figures. */
  readonly stack: string;
  readonly deliveryStream: string;
  /** null: none is known. */
  readonly backfillStream: string | null;
  /** UTC epoch ms. */
  readonly nowMs: number;
  /** For each call. */
  readonly timeoutMs: number;
  /** Between two looks at a query that runs. */
  readonly pollMs: number;
  readonly progress: Progress;
  /** Takes a line that is to be read before what it says happens. */
  readonly notice: (line: string) => Promise<void>;
}

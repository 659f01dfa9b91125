/** The Kinesis stream that a producer writes to. */
import type { StreamDescriptionSummary } from '@aws-sdk/client-kinesis';
import { plural } from '../terminal.ts';
import { type Finding, failure, ok, warning } from './finding.ts';

const WHAT = 'kinesis stream';
/** Kinesis takes records in these states. */
const TAKES_RECORDS = new Set(['ACTIVE', 'UPDATING']);

export function judgeStream(summary: StreamDescriptionSummary): Finding {
  const {
    StreamName,
    StreamStatus,
    StreamModeDetails,
    OpenShardCount = 0,
    RetentionPeriodHours,
    EncryptionType,
  } = summary;
  const mode = StreamModeDetails?.StreamMode === 'ON_DEMAND' ? 'on demand' : 'provisioned';
  const encryption = EncryptionType === 'KMS' ? 'encrypted by KMS' : 'not encrypted at rest';
  const facts = `${mode}, ${plural(OpenShardCount, 'shard')}, kept ${RetentionPeriodHours} h, ${encryption}`;
  const detail = `${StreamName} is ${StreamStatus}: ${facts}`;
  if (StreamStatus === 'ACTIVE') return ok(WHAT, detail);
  if (TAKES_RECORDS.has(StreamStatus ?? ''))
    return warning(WHAT, detail, 'It takes records while it changes; wait until it is ACTIVE.');
  return failure(WHAT, detail, 'Wait until it is ACTIVE, or name another with --stream.');
}

/** @param region what the client asks in */
export function missingStream(stream: string, region: string): Finding {
  const command = `aws kinesis create-stream --stream-name ${stream} --shard-count 1 --region ${region}`;
  return failure(
    WHAT,
    `there is no stream ${stream} in region ${region}`,
    `Create it (${command}), or name another with --stream.`,
  );
}

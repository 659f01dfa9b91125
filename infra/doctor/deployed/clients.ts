/** The clients of a deployed system's services; regions, credentials and endpoints come from the standard AWS variables and files. */
import { AthenaClient } from '@aws-sdk/client-athena';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { GlueClient } from '@aws-sdk/client-glue';
import { createS3Client } from '../../../producer/stream/s3.ts';
import type { ServiceAccess } from '../aws.ts';
import type { DeployedScope } from './scope.ts';

/** @param access another place than those say */
export function openClients(access: ServiceAccess = {}): DeployedScope['clients'] {
  const config = { maxAttempts: 2, ...access };
  return {
    s3: createS3Client(config),
    glue: new GlueClient(config),
    athena: new AthenaClient(config),
    cloudwatch: new CloudWatchClient(config),
  };
}

/** Where the services of a running `depthlake start` are. */
import type { Endpoints } from '../local/endpoints.ts';
import { LOCAL_REGION } from '../local/environment.ts';
import type { AwsAccess, ServiceAccess } from './aws.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What the standard AWS variables and files say. */
export const STANDARD_ACCESS: AwsAccess = { sts: {}, kinesis: {}, firehose: {}, glue: {} };

/** The local services, unless the environment names an endpoint of its own: as `record` decides. */
export function localAccess({ kinesis, glue, control }: Endpoints, env: Env): AwsAccess {
  if (env['AWS_ENDPOINT_URL_KINESIS'] || env['AWS_ENDPOINT_URL']) return STANDARD_ACCESS;
  const at = (endpoint: string): ServiceAccess => ({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  return { sts: at(control), kinesis: at(kinesis), firehose: at(control), glue: at(glue) };
}

/** Tags on everything: whose a resource is shows on the bill and in the console. */
import { runtime } from '@pulumi/pulumi';

/** Of what the program declares: resources that AWS has no tags for. */
const UNTAGGED = new Set([
  'aws:athena/namedQuery:NamedQuery',
  'aws:cloudwatch/dashboard:Dashboard',
  'aws:cloudwatch/logStream:LogStream',
  'aws:cloudwatch/eventTarget:EventTarget',
  'aws:ec2/route:Route',
  'aws:ec2/routeTableAssociation:RouteTableAssociation',
  'aws:glue/catalogTable:CatalogTable',
  'aws:iam/rolePolicy:RolePolicy',
  'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig',
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration',
  'aws:s3/bucketLogging:BucketLogging',
  'aws:s3/bucketNotification:BucketNotification',
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls',
  'aws:s3/bucketPolicy:BucketPolicy',
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
  'aws:s3/bucketVersioning:BucketVersioning',
  'aws:sns/topicPolicy:TopicPolicy',
  'aws:sns/topicSubscription:TopicSubscription',
  'aws:sqs/queuePolicy:QueuePolicy',
]);

/** Puts the tags on every resource of AWS that is declared from now on; a tag of its own wins. */
export function tagEverything(tags: Readonly<Record<string, string>>): void {
  runtime.registerStackTransformation(({ type, props, opts }) => {
    if (!type.startsWith('aws:') || UNTAGGED.has(type)) return undefined;
    return { props: { ...props, tags: { ...tags, ...props['tags'] } }, opts };
  });
}

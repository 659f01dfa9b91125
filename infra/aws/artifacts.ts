/** The bucket that the producer's tasks take their program from. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as aws from '@pulumi/aws';
import { asset, ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { privateBucket } from './private-bucket.ts';

export interface ArtifactsArgs {
  /** Path of the producer's built bundle. */
  readonly producerBundle: string;
}

/** Bundles lie under the hash of their content: a key never changes its meaning, and a new bundle is a new key. */
export class Artifacts extends ComponentResource {
  /** The bucket's name. */
  readonly bucket: Output<string>;
  readonly arn: Output<string>;
  /** `producer/<sha256>.mjs`, known once the bundle is there. */
  readonly producerKey: Output<string>;
  /** SHA-256 of the bundle, as 64 hex digits. */
  readonly producerHash: string;

  constructor(name: string, args: ArtifactsArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Artifacts', name, {}, opts);
    // Versions: a bundle deleted by hand is one that a running service cannot restart from. Nothing expires, for a task
    // definition of any age can be rolled back to; destroyed with the stack, since `npm run build` makes it all again.
    const { bucket, arn } = privateBucket(name, { versioned: true, atDestroy: 'emptied' }, this);
    this.producerHash = createHash('sha256').update(readFileSync(args.producerBundle)).digest('hex');
    const bundle = new aws.s3.BucketObjectv2(
      `${name}-producer`,
      {
        bucket,
        key: `producer/${this.producerHash}.mjs`,
        source: new asset.FileAsset(args.producerBundle),
        sourceHash: this.producerHash,
        contentType: 'text/javascript',
      },
      // The next bundle replaces this one in the stack; tasks that run from this one can still restart.
      { parent: this, retainOnDelete: true },
    );
    this.bucket = bucket;
    this.arn = arn;
    this.producerKey = bundle.key;
    this.registerOutputs({ bucket, arn, producerKey: this.producerKey });
  }
}

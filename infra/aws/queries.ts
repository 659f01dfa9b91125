/** Where the lake is queried: a workgroup of Athena, the views, and the questions that are asked first. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, interpolate, type Output } from '@pulumi/pulumi';
import { VIEWS } from '../../transformer/views.ts';
import { privateBucket } from './private-bucket.ts';
import { FIRST_QUERY, SEED_QUERIES } from './seed-queries.ts';
import { viewArgs } from './views.ts';

/**
 * The most that one query may scan: half a dollar at Athena’s $5 a TB. A year of one symbol at ten snapshots a second, or
 * some days of 256, fit; a query that forgets its partition columns on a large lake ends before it costs more.
 */
export const SCAN_LIMIT_BYTES = 100 * 1024 ** 3;
/** Results can be had again by asking again; a week is time to fetch them. */
const RESULTS_DAYS = 7;

export interface QueriesArgs {
  readonly catalog: { readonly database: Output<string> };
}

export class Queries extends ComponentResource {
  readonly workgroup: Output<string>;
  readonly resultsBucket: Output<string>;
  readonly views: readonly Output<string>[];
  /** With the name of the database in it: it runs wherever it is pasted. */
  readonly firstQuery: Output<string>;

  constructor(name: string, args: QueriesArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Queries', name, {}, opts);
    const { database } = args.catalog;
    const results = privateBucket(
      `${name}-results`,
      {
        versioned: false,
        atDestroy: 'emptied',
        lifecycle: [{ id: 'results', status: 'Enabled', filter: {}, expiration: { days: RESULTS_DAYS } }],
      },
      this,
    );
    const workgroup = this.#workgroup(name, results.bucket);
    const views = VIEWS.map((view) => {
      const properties = database.apply((schema) => viewArgs(view, schema));
      return new aws.glue.CatalogTable(
        `${name}-${view.name}`,
        {
          // SQL says it.
          name: view.name,
          databaseName: database,
          description: properties.description,
          tableType: properties.tableType,
          parameters: properties.parameters,
          viewOriginalText: properties.viewOriginalText,
          viewExpandedText: properties.viewExpandedText,
          storageDescriptor: properties.storageDescriptor,
        },
        { parent: this },
      );
    });
    for (const { name: query, title, sql } of SEED_QUERIES) {
      new aws.athena.NamedQuery(
        `${name}-${query}`,
        { workgroup: workgroup.name, database, description: title, query: sql },
        { parent: this },
      );
    }

    this.workgroup = workgroup.name;
    this.resultsBucket = results.bucket;
    this.views = views.map((view) => view.name);
    this.firstQuery = database.apply((schema) => FIRST_QUERY.sql.replace('from ', `from "${schema}".`));
    this.registerOutputs({
      workgroup: this.workgroup,
      resultsBucket: this.resultsBucket,
      views: this.views,
      firstQuery: this.firstQuery,
    });
  }

  #workgroup(name: string, bucket: Output<string>): aws.athena.Workgroup {
    return new aws.athena.Workgroup(
      name,
      {
        description: 'Queries of the lake',
        // A workgroup that holds named queries, or the history of any, is not deleted otherwise.
        forceDestroy: true,
        configuration: {
          // The settings below stand, whatever a client asks for.
          enforceWorkgroupConfiguration: true,
          // By name, not "AUTO": views and queries are tested against the SQL of this one.
          engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
          bytesScannedCutoffPerQuery: SCAN_LIMIT_BYTES,
          publishCloudwatchMetricsEnabled: true,
          // Whoever owns a bucket pays for it: nobody is made to pay by a query here.
          requesterPaysEnabled: false,
          resultConfiguration: {
            outputLocation: interpolate`s3://${bucket}/`,
            // A bucket of this name in another account never receives results.
            expectedBucketOwner: aws.getCallerIdentityOutput().accountId,
            encryptionConfiguration: { encryptionOption: 'SSE_S3' },
          },
        },
      },
      { parent: this },
    );
  }
}

/** What Athena knows of the lake: a Glue database and its tables, as the data contract has them. */
import type { Column, TableInput } from '@aws-sdk/client-glue';
import * as aws from '@pulumi/aws';
import { all, ComponentResource, type ComponentResourceOptions, interpolate, type Output } from '@pulumi/pulumi';
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { tableInput } from '../../transformer/catalog.ts';

export interface CatalogArgs {
  /** Its name in SQL: lower case, digits and `_`. */
  readonly database: string;
  /** Name of the bucket that holds the lake. */
  readonly bucket: Output<string>;
}

/**
 * Partitions are no part of the program: the transformer registers each hour, and sealing moves it. They belong to their
 * table in Glue, so a table that is replaced forgets them: nothing in the settings changes its name or its database.
 */
export class Catalog extends ComponentResource {
  readonly database: Output<string>;
  readonly tables: Readonly<Record<TableName, Output<string>>>;
  /** Of the account’s catalog, the database and its tables: Glue asks for rights on all three. */
  readonly arns: Output<string[]>;

  constructor(name: string, args: CatalogArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Catalog', name, {}, opts);
    const database = new aws.glue.CatalogDatabase(
      name,
      // SQL says this name, so it is given: another one would be another database.
      { name: args.database, description: 'Order books of an exchange, and what befell their feed' },
      { parent: this },
    );
    const tables = TABLE_NAMES.map((table) => this.#table(`${name}-${table}`, table, database, args.bucket));

    this.database = database.name;
    this.tables = Object.fromEntries(TABLE_NAMES.map((table, at) => [table, tables[at]!.name])) as Record<
      TableName,
      Output<string>
    >;
    this.arns = all([catalogArn(), database.arn, ...tables.map(({ arn }) => arn)]);
    this.registerOutputs({ database: this.database, tables: this.tables, arns: this.arns });
  }

  /** Glue adds no parameter of its own to a table that its API made, so the whole of it is the program’s. */
  #table(name: string, table: TableName, database: aws.glue.CatalogDatabase, bucket: Output<string>) {
    const args = bucket.apply((lake) => tableArgs(tableInput(table, `s3://${lake}`)));
    return new aws.glue.CatalogTable(
      name,
      {
        // As in the data contract: SQL says it.
        name: table,
        databaseName: database.name,
        description: args.description,
        tableType: args.tableType,
        parameters: args.parameters,
        partitionKeys: args.partitionKeys,
        storageDescriptor: args.storageDescriptor,
      },
      { parent: this },
    );
  }
}

/** CreateTable’s input as Pulumi spells it: what the transformer declares locally and what AWS is told are one thing. */
function tableArgs(input: TableInput) {
  const { Location, InputFormat, OutputFormat, Columns, SerdeInfo } = input.StorageDescriptor!;
  return {
    description: input.Description!,
    tableType: input.TableType!,
    parameters: input.Parameters!,
    partitionKeys: input.PartitionKeys!.map(columnArgs),
    storageDescriptor: {
      location: Location!,
      inputFormat: InputFormat!,
      outputFormat: OutputFormat!,
      columns: Columns!.map(columnArgs),
      serDeInfo: { serializationLibrary: SerdeInfo!.SerializationLibrary!, parameters: SerdeInfo!.Parameters! },
    },
  };
}

function columnArgs({ Name, Type, Comment }: Column) {
  return { name: Name!, type: Type!, ...(Comment !== undefined && { comment: Comment }) };
}

function catalogArn(): Output<string> {
  const { partition } = aws.getPartitionOutput();
  const { region } = aws.getRegionOutput();
  const { accountId } = aws.getCallerIdentityOutput();
  return interpolate`arn:${partition}:glue:${region}:${accountId}:catalog`;
}

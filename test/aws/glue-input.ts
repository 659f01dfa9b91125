/** What the provider makes of a declared Glue table: the input of CreateTable. */
import type { TableInput } from '@aws-sdk/client-glue';

// biome-ignore lint/suspicious/noExplicitAny: properties of a resource as mocks give them
type Properties = Readonly<Record<string, any>>;

export function asTableInput(inputs: Properties): TableInput {
  const { location, inputFormat, outputFormat, columns, serDeInfo } = inputs['storageDescriptor'];
  return {
    Name: inputs['name'],
    Description: inputs['description'],
    TableType: inputs['tableType'],
    Parameters: inputs['parameters'],
    PartitionKeys: inputs['partitionKeys']?.map(columnOf),
    StorageDescriptor: {
      Location: location,
      Columns: columns.map(columnOf),
      InputFormat: inputFormat,
      OutputFormat: outputFormat,
      SerdeInfo: {
        ...(serDeInfo.name !== undefined && { Name: serDeInfo.name }),
        SerializationLibrary: serDeInfo.serializationLibrary,
        Parameters: serDeInfo.parameters,
      },
    },
    ...(inputs['viewOriginalText'] !== undefined && {
      ViewOriginalText: inputs['viewOriginalText'],
      ViewExpandedText: inputs['viewExpandedText'],
    }),
  };
}

function columnOf({ name, type, comment }: Properties) {
  return { Name: name, Type: type, ...(comment !== undefined && { Comment: comment }) };
}

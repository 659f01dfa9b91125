"""Reads container files with fastavro.

stdin: {"files": [path], "schema": the schema to compare with, or null}
stdout: a line for each file: {"codec", "metadata", "same_schema", "rows"}; Python writes floats so that they read back
exactly.
"""

import json
import sys

import fastavro
from fastavro.schema import to_parsing_canonical_form


def read(path, schema):
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        rows = list(reader)
        same = schema is not None and to_parsing_canonical_form(reader.writer_schema) == to_parsing_canonical_form(schema)
        return {"codec": reader.codec, "metadata": reader.metadata, "same_schema": same, "rows": rows}


request = json.load(sys.stdin)
for path in request["files"]:
    print(json.dumps(read(path, request["schema"])))

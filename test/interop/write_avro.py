"""Writes container files with fastavro.

stdin: {"files": [{"path", "codec", "schema", "rows", "block_bytes"}]}
"""

import json
import sys

import fastavro

for file in json.load(sys.stdin)["files"]:
    schema = fastavro.parse_schema(file["schema"])
    with open(file["path"], "wb") as out:
        fastavro.writer(out, schema, file["rows"], codec=file["codec"], sync_interval=file["block_bytes"])

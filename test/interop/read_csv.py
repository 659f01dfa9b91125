"""Reads CSV with Python's csv module.

stdin: {"texts": [CSV with a header]}
stdout: a line for each text: {"columns": [name], "rows": [{column: cell}]}; every cell is a string.
"""

import csv
import io
import json
import sys

csv.field_size_limit(sys.maxsize)
for text in json.load(sys.stdin)["texts"]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = list(reader)
    print(json.dumps({"columns": reader.fieldnames, "rows": rows}))

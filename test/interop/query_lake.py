"""Asks DuckDB, with its own signed Avro extension from PyPI.

stdin: {"queries": [SQL]}
stdout: a line for each query: its rows, each an object by column name
"""

import json
import os
import sys

import duckdb
import duckdb_extension_avro

folder = os.path.join(os.path.dirname(duckdb_extension_avro.__file__), "extensions", f"v{duckdb.__version__}")
connection = duckdb.connect()
connection.execute(f"LOAD '{folder}/avro.duckdb_extension'")
for query in json.load(sys.stdin)["queries"]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    print(json.dumps([dict(zip(names, row)) for row in result.fetchall()]))

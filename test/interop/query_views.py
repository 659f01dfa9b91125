"""Asks DuckDB what Athena would be asked: tables of container files, views and queries in Trino's SQL, put into DuckDB's by
sqlglot, which reads them by Trino's grammar and refuses what it does not know.

stdin: {"tables": {name: pattern of files}, "views": [{"name", "sql"}], "queries": [SQL]}
stdout: a line of the views' columns, {view: [[name, type]]}; then a line for each query: its rows, each an object by column
name, times with milliseconds
"""

import datetime
import json
import os
import sys

import duckdb
import duckdb_extension_avro
import sqlglot


def in_duckdb(sql):
    [statement] = sqlglot.transpile(sql, read="trino", write="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    return statement


def plain(value):
    return value.isoformat(sep=" ", timespec="milliseconds") if isinstance(value, datetime.datetime) else value


request = json.load(sys.stdin)
folder = os.path.join(os.path.dirname(duckdb_extension_avro.__file__), "extensions", f"v{duckdb.__version__}")
connection = duckdb.connect()
connection.execute(f"LOAD '{folder}/avro.duckdb_extension'")
# As the catalog has them; DuckDB would make text of 09.
hours = "{'year': INT, 'month': INT, 'day': INT, 'hour': INT}"
for name, pattern in request["tables"].items():
    scan = f"read_avro('{pattern}', hive_partitioning = true, hive_types = {hours}, filename = true)"
    # Trino's name of the file that a row comes from.
    connection.execute(f'CREATE VIEW {name} AS SELECT *, filename AS "$path" FROM {scan}')
for view in request["views"]:
    connection.execute(f"CREATE VIEW {view['name']} AS {in_duckdb(view['sql'])}")
columns = {view["name"]: connection.execute(f"DESCRIBE {view['name']}").fetchall() for view in request["views"]}
print(json.dumps({name: [row[:2] for row in rows] for name, rows in columns.items()}))
for query in request["queries"]:
    result = connection.execute(in_duckdb(query))
    names = [column[0] for column in result.description]
    print(json.dumps([{name: plain(value) for name, value in zip(names, row)} for row in result.fetchall()]))

"""deltalake: two commits to one table, each version read back."""

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable, QueryBuilder, write_deltalake

TABLE = "s3://out/readings"
ORDER = [("sample", "ascending"), ("analyte", "ascending")]

readings = ds.dataset("s3://labresults/plates/", format="csv").to_table().sort_by(ORDER)
half = readings.num_rows // 2
assert half


def rows(version: int | None) -> pa.Table:
    table = DeltaTable(TABLE, version=version)
    found = QueryBuilder().register("readings", table).execute("select * from readings").read_all()
    return pa.table(found).select(readings.column_names).cast(readings.schema).sort_by(ORDER)


write_deltalake(TABLE, readings[:half])
write_deltalake(TABLE, readings[half:], mode="append")

table = DeltaTable(TABLE)
assert table.version() == 1
assert rows(None).equals(readings)
assert rows(0).num_rows == half
assert [entry["version"] for entry in table.history()] == [1, 0]
print(*table.file_uris(), sep="\n")

"""pyarrow: datasets by URI, CSV in, partitioned Parquet out, read back and compared."""

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

ORDER = [("sample", "ascending"), ("analyte", "ascending")]

source = ds.dataset("s3://labresults/plates/", format="csv")
readings = source.to_table().sort_by(ORDER)
assert readings.num_rows

layout = ds.partitioning(pa.schema([("analyte", pa.string())]), flavor="hive")
ds.write_dataset(readings, "s3://out/readings", format="parquet", partitioning=layout)
written = ds.dataset("s3://out/readings", partitioning=layout)
assert written.to_table(columns=readings.column_names).sort_by(ORDER).equals(readings)

one = readings["analyte"][0].as_py()
expected = readings.filter(ds.field("analyte") == one)
assert written.to_table(filter=ds.field("analyte") == one).num_rows == expected.num_rows

store, path = fs.FileSystem.from_uri("s3://out/plain")
with store.open_output_stream(f"{path}/notes.txt") as stream:
    stream.write(b"noted")
store.move(f"{path}/notes.txt", f"{path}/moved.txt")
with store.open_input_file(f"{path}/moved.txt") as file:
    assert file.read_at(3, 2) == b"ted"

listing = store.get_file_info(fs.FileSelector("out", recursive=True))
files = [info.path for info in listing if info.is_file]
assert f"{path}/moved.txt" in files
assert len(files) == 1 + len(readings["analyte"].unique())
print(*files, sep="\n")

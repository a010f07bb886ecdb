"""s3fs with pandas: CSV in, Parquet and CSV out, partitioned too, read back and compared."""

import pandas as pd
import s3fs

fs = s3fs.S3FileSystem()
sources = sorted(fs.glob("labresults/plates/*.csv"))
assert sources
readings = pd.concat([pd.read_csv(f"s3://{source}") for source in sources], ignore_index=True)

readings.to_parquet("s3://out/readings.parquet")
readings.to_csv("s3://out/readings.csv", index=False)
readings.to_parquet("s3://out/by-analyte", partition_cols=["analyte"])

pd.testing.assert_frame_equal(pd.read_parquet("s3://out/readings.parquet"), readings)
pd.testing.assert_frame_equal(pd.read_csv("s3://out/readings.csv"), readings)
parted = pd.read_parquet("s3://out/by-analyte").astype({"analyte": readings["analyte"].dtype})
order = ["sample", "analyte"]
pd.testing.assert_frame_equal(
    parted[readings.columns].sort_values(order, ignore_index=True), readings.sort_values(order, ignore_index=True)
)

fs.pipe("out/notes/größe + 1.txt", b"one")
fs.mv("out/notes/größe + 1.txt", "out/notes/größe + 2.txt")
with fs.open("out/notes/größe + 2.txt", "ab") as file:
    file.write(b" and two")
assert fs.cat("out/notes/größe + 2.txt") == b"one and two"

fs.invalidate_cache()
listing = fs.find("out")
assert {"out/readings.parquet", "out/readings.csv", "out/notes/größe + 2.txt"} <= set(listing)
parts = [path for path in listing if path.startswith("out/by-analyte/analyte=") and path.endswith(".parquet")]
assert len(parts) == readings["analyte"].nunique()
assert fs.isdir("out/by-analyte")
print(*listing, sep="\n")

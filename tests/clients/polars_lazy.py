"""polars: scans CSV, sinks Parquet, scans it again lazily, by glob and with a predicate."""

import polars as pl

readings = pl.scan_csv("s3://labresults/plates/*.csv").sort("sample", "analyte").collect()
assert readings.height

readings.lazy().sink_parquet("s3://out/readings.parquet", row_group_size=1000)
for (analyte,), part in readings.group_by("analyte"):
    part.lazy().sink_parquet(f"s3://out/parts/{analyte}.parquet")

assert pl.scan_parquet("s3://out/readings.parquet").collect().equals(readings)
one = pl.col("analyte") == readings["analyte"][0]
assert pl.scan_parquet("s3://out/readings.parquet").filter(one).collect().equals(readings.filter(one))

parts = pl.scan_parquet("s3://out/parts/*.parquet", include_file_paths="path").collect()
assert parts.drop("path").sort("sample", "analyte").equals(readings)
assert parts["path"].n_unique() == readings["analyte"].n_unique()
print(*parts["path"].unique().sort(), sep="\n")

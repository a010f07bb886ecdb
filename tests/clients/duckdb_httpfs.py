"""DuckDB with httpfs: CSV in by glob, Parquet out, whole and partitioned. It wants path style to be set."""

from importlib import resources

import duckdb

(extension,) = resources.files("duckdb_extension_httpfs").glob("**/httpfs.duckdb_extension")
db = duckdb.connect()
db.load_extension(str(extension))
db.execute("SET s3_url_style = 'path'")

db.execute("CREATE TABLE readings AS FROM read_csv('s3://labresults/plates/*.csv')")
db.execute("COPY readings TO 's3://out/readings.parquet'")
db.execute("COPY readings TO 's3://out/parts' (FORMAT parquet, PARTITION_BY (analyte))")

given = db.sql("SELECT sample, analyte, value FROM readings ORDER BY ALL").fetchall()
assert given
for written in ("s3://out/readings.parquet", "s3://out/parts/**/*.parquet"):
    assert db.sql(f"SELECT sample, analyte, value FROM '{written}' ORDER BY ALL").fetchall() == given

db.execute("CREATE TABLE wide AS SELECT i, hash(i) AS noise FROM range(2_000_000) AS rows(i)")
db.execute("COPY wide TO 's3://out/wide.parquet'")  # large enough for a multipart upload
same = "SELECT count(*) FROM 's3://out/wide.parquet' AS back JOIN wide USING (i) WHERE back.noise = wide.noise"
assert db.sql(same).fetchone() == (2_000_000,)

listing = [file for (file,) in db.sql("SELECT file FROM glob('s3://out/**') ORDER BY file").fetchall()]
assert {"s3://out/readings.parquet", "s3://out/wide.parquet"} <= set(listing)
(analytes,) = db.sql("SELECT count(DISTINCT analyte) FROM readings").fetchone()
assert sum(file.startswith("s3://out/parts/analyte=") for file in listing) >= analytes
print(*listing, sep="\n")

"""Spark over S3A: CSV in, partitioned Parquet out by the magic committer, read back."""

from pyspark.sql import SparkSession

READINGS = "sample string, analyte string, value double"

spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
readings = spark.read.csv("s3a://labresults/plates/", header=True, schema=READINGS)
rows = sorted(readings.collect())
assert rows

readings.write.partitionBy("analyte").parquet("s3a://out/readings")

back = spark.read.parquet("s3a://out/readings").select(readings.columns)
assert sorted(back.collect()) == rows
assert back.where("analyte = 'sodium'").count() == sum(row.analyte == "sodium" for row in rows)
print(*back.inputFiles(), sep="\n")
spark.stop()

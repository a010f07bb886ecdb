"""pyiceberg: a table whose catalog is a local SQLite file, two appends, a delete, and the first snapshot read back."""

import os
import tempfile

import pyarrow.dataset as ds
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable

ORDER = [("sample", "ascending"), ("analyte", "ascending")]

readings = ds.dataset("s3://labresults/plates/", format="csv").to_table().sort_by(ORDER)
half = readings.num_rows // 2
assert half

with tempfile.TemporaryDirectory() as folder:
    catalog = SqlCatalog(
        "lab",
        uri=f"sqlite:///{folder}/catalog.db",
        warehouse="s3://out/warehouse",
        **{"s3.endpoint": os.environ["S3_ENDPOINT"], "s3.region": os.environ["AWS_REGION"]},  # it reads no variable
    )
    try:
        catalog.create_namespace("lab")
        table = catalog.create_table("lab.readings", schema=readings.schema)
        table.append(readings[:half])
        table.append(readings[half:])
        first = table.history()[0].snapshot_id

        table = catalog.load_table("lab.readings")
        assert table.scan().to_arrow().cast(readings.schema).sort_by(ORDER).equals(readings)
        assert table.scan(snapshot_id=first).to_arrow().num_rows == half
        sodium = table.scan(row_filter="analyte == 'sodium'").to_arrow().num_rows

        table.delete("analyte == 'sodium'")
        assert table.scan().to_arrow().num_rows == readings.num_rows - sodium
        alone = StaticTable.from_metadata(table.metadata_location, table.io.properties)  # the bucket holds all of it
        assert alone.scan().to_arrow().num_rows == readings.num_rows - sodium
        print(*(task.file.file_path for task in table.scan().plan_files()), sep="\n")
    finally:
        catalog.close()

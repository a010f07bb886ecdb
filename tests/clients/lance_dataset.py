"""pylance: a dataset written, appended to, updated, and read back at each version."""

import lance
import pyarrow.dataset as ds

DATASET = "s3://out/readings.lance"
ORDER = [("sample", "ascending"), ("analyte", "ascending")]

readings = ds.dataset("s3://labresults/plates/", format="csv").to_table().sort_by(ORDER)
half = readings.num_rows // 2
assert half

lance.write_dataset(readings[:half], DATASET)
lance.write_dataset(readings[half:], DATASET, mode="append")

dataset = lance.dataset(DATASET)
assert dataset.version == 2
assert dataset.to_table().sort_by(ORDER).equals(readings)
assert lance.dataset(DATASET, version=1).count_rows() == half
assert dataset.take([0, half]).num_rows == 2

dataset.delete("analyte = 'sodium'")
dataset = lance.dataset(DATASET)
assert dataset.count_rows() == dataset.count_rows(filter="analyte <> 'sodium'") < readings.num_rows
assert [version["version"] for version in dataset.versions()] == [1, 2, 3]
print(*(fragment.data_files()[0].path for fragment in dataset.get_fragments()), sep="\n")

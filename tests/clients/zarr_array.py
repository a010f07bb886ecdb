"""zarr over s3fs: an array in chunks, appended to, changed within, and read back whole and by slices."""

import csv

import numpy as np
import s3fs
import zarr

ARRAY = "s3://out/readings.zarr"

fs = s3fs.S3FileSystem()
plates = []
for path in sorted(fs.glob("labresults/plates/*.csv")):
    with fs.open(path, "rt") as file:
        plates.append([float(row["value"]) for row in csv.DictReader(file)])
values = np.array(plates)
assert values.size

group = zarr.open_group(ARRAY, mode="w")
array = group.create_array("values", shape=(0, values.shape[1]), chunks=(2, 100), dtype=values.dtype)
array.attrs["unit"] = "mmol/l"
array.append(values[:4])
array.append(values[4:])

again = zarr.open_group(ARRAY, mode="r")["values"]
assert again.shape == values.shape
assert again.attrs["unit"] == "mmol/l"
assert np.array_equal(again[:], values)
assert np.array_equal(again[3:5, 90:210], values[3:5, 90:210])

array[2:6, 50:150] = 0  # in the middle of chunks
values[2:6, 50:150] = 0
assert np.array_equal(zarr.open_array(f"{ARRAY}/values", mode="r")[:], values)
fs.invalidate_cache()
print(*fs.find("out/readings.zarr"), sep="\n")

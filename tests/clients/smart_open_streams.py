"""smart_open: streams in, seeks, multipart streams out, compressed too, and iterates over buckets."""

from smart_open import open as s_open
from smart_open.s3 import iter_bucket

contents = dict(iter_bucket("labresults", workers=1))
assert contents

for key, content in contents.items():
    with s_open(f"s3://out/{key}", "wb") as file:
        file.write(content)
    with s_open(f"s3://out/{key}", "rb") as file:
        file.seek(len(content) // 2)
        assert file.read() == content[len(content) // 2 :]

plates = sorted(key for key in contents if key.startswith("plates/"))
with s_open("s3://out/all.csv.gz", "wt", encoding="utf-8") as file:
    for key in plates:
        with s_open(f"s3://labresults/{key}", encoding="utf-8") as plate:
            file.writelines(plate)
with s_open("s3://out/all.csv.gz", encoding="utf-8") as file:
    assert file.read() == "".join(contents[key].decode() for key in plates)

with s_open("s3://out/big.bin", "wb", transport_params={"min_part_size": 5 * 2**20}) as file:
    for _ in range(11):
        file.write(bytes(2**20))
written = dict(iter_bucket("out", workers=1))
assert written.pop("big.bin") == bytes(11 * 2**20)
assert written.pop("all.csv.gz")
assert written == contents
print(*written, sep="\n")

"""obstore: gets, ranges, streams, conditional and multipart puts, copies, renames, listings."""

import random

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import S3Store

given, out = S3Store("labresults"), S3Store("out")


def paths(store: S3Store) -> dict[str, int]:
    return {item["path"]: item["size"] for page in obstore.list(store, chunk_size=2) for item in page}


for path in paths(given):
    obstore.put(out, path, obstore.get(given, path).bytes())
    size = obstore.head(given, path)["size"]
    middle = obstore.get_range(out, path, start=size // 3, end=size // 2)
    assert middle == obstore.get_range(given, path, start=size // 3, end=size // 2)
assert paths(out) == paths(given)

obstore.put(out, "lock", b"mine", mode="create")
try:
    obstore.put(out, "lock", b"theirs", mode="create")
except AlreadyExistsError:
    pass
else:
    raise AssertionError("the second create went through")
assert obstore.get(out, "lock").bytes() == b"mine"

big = random.Random(2).randbytes(20 * 2**20)
with obstore.open_writer(out, "big.bin", buffer_size=5 * 2**20) as writer:
    for first in range(0, len(big), 2**20):
        writer.write(big[first : first + 2**20])
obstore.copy(out, "big.bin", "copy.bin")
obstore.rename(out, "copy.bin", "moved.bin")
assert b"".join(obstore.get(out, "moved.bin").stream()) == big

level = obstore.list_with_delimiter(out)
assert {"big.bin", "lock", "moved.bin"} <= {item["path"] for item in level["objects"]}
assert "plates" in level["common_prefixes"]

obstore.delete(out, ["big.bin", "moved.bin", "lock"])
try:
    obstore.head(out, "moved.bin")
except (NotFoundError, FileNotFoundError):
    pass
else:
    raise AssertionError("moved.bin is still there")
assert paths(out) == paths(given)
print(*paths(out), sep="\n")

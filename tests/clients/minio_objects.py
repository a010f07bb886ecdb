"""minio-py: puts of known and unknown length, copy, compose, listings. It wants its endpoint as an argument."""

import io
import os
import random
from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import ComposeSource, CopySource
from minio.credentials import EnvAWSProvider
from minio.deleteobjects import DeleteObject

endpoint = urlsplit(os.environ["S3_ENDPOINT"])
client = Minio(endpoint.netloc, secure=endpoint.scheme == "https", credentials=EnvAWSProvider())


def sizes(bucket: str) -> dict[str, int]:
    return {item.object_name: item.size for item in client.list_objects(bucket, recursive=True)}


def read(bucket: str, name: str, offset: int = 0, length: int = 0) -> bytes:
    reply = client.get_object(bucket, name, offset=offset, length=length)
    try:
        return reply.read()
    finally:
        reply.close()
        reply.release_conn()


assert {bucket.name for bucket in client.list_buckets()} >= {"labresults", "out"}
given = sizes("labresults")
for name, size in given.items():
    content = read("labresults", name)
    client.put_object("out", name, io.BytesIO(content), size, metadata={"origin": "labresults"})
    assert client.stat_object("out", name).metadata["x-amz-meta-origin"] == "labresults"
    assert read("out", name) == content
    assert read("out", name, offset=10, length=20) == content[10:30]
assert sizes("out") == given

big = random.Random(3).randbytes(17 * 2**20)
client.put_object("out", "big.bin", io.BytesIO(big), length=-1, part_size=5 * 2**20)
client.copy_object("out", "copy.bin", CopySource("out", "big.bin"))
client.compose_object("out", "twice.bin", [ComposeSource("out", "big.bin"), ComposeSource("out", "copy.bin")])
assert read("out", "twice.bin") == big + big

errors = client.remove_objects("out", [DeleteObject(name) for name in ("big.bin", "copy.bin", "twice.bin")])
assert list(errors) == []
assert sizes("out") == given
top = {item.object_name for item in client.list_objects("out")}
assert "plates/" in top
print(*sizes("out"), sep="\n")

"""boto3: copies its input, sends 100 MiB by upload_file, and reads both back."""

import hashlib
import random
import tempfile
import urllib.request
from pathlib import Path

import boto3

BIG_BYTES = 100 * 2**20

s3 = boto3.client("s3")


def keys(bucket: str) -> dict[str, int]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


given = keys("labresults")
for key in given:
    body = s3.get_object(Bucket="labresults", Key=key)["Body"].read()
    put = s3.put_object(Bucket="out", Key=key, Body=body, Metadata={"origin": "labresults"}, ContentType="text/x-test")
    head = s3.head_object(Bucket="out", Key=key)
    assert head["ETag"] == put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert (head["Metadata"], head["ContentType"]) == ({"origin": "labresults"}, "text/x-test")
    assert s3.get_object(Bucket="out", Key=key)["Body"].read() == body
    assert s3.get_object(Bucket="out", Key=key, Range="bytes=-100")["Body"].read() == body[-100:]
assert keys("out") == given

with tempfile.TemporaryDirectory() as folder:
    sent, received = Path(folder, "sent"), Path(folder, "received")
    sent.write_bytes(random.Random(1).randbytes(BIG_BYTES))
    s3.upload_file(str(sent), "out", "big.bin")
    s3.copy({"Bucket": "out", "Key": "big.bin"}, "out", "copy.bin")
    s3.download_file("out", "copy.bin", str(received))
    assert sha256(received) == sha256(sent)

url = s3.generate_presigned_url("get_object", Params={"Bucket": "out", "Key": "big.bin"})
with urllib.request.urlopen(url) as reply:
    assert int(reply.headers["Content-Length"]) == BIG_BYTES

deleted = s3.delete_objects(Bucket="out", Delete={"Objects": [{"Key": "big.bin"}, {"Key": "copy.bin"}]})
assert len(deleted["Deleted"]) == len(["big.bin", "copy.bin"])
try:
    s3.get_object(Bucket="out", Key="copy.bin")
except s3.exceptions.NoSuchKey:
    pass
else:
    raise AssertionError("copy.bin is still there")
assert keys("out") == given
print(*keys("out"), sep="\n")

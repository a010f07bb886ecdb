"""Each operation once, as boto3 asks and understands it, over a socket."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import boto3
import pytest
import trio
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.gateway.conftest import BODY, ETAG
from tests.gateway.uploads import PART, TAIL
from tests.gateway.wire.conftest import Served

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all clients: what it reads of its own files is read once."""
    return boto3.Session("default", "default", region_name="us-east-1")


@pytest.fixture
async def ask(gateway: Served, session: boto3.Session) -> AsyncIterator[Ask]:
    """Calls a method of a client by name."""
    config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url=await gateway.start(), config=config)

    async def call(method: str, **parameters: Any) -> dict[str, Any]:
        return await trio.to_thread.run_sync(partial(getattr(client, method), **parameters))

    yield call
    client.close()


async def refusal(asked: Awaitable[Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        await asked
    reply = caught.value.response
    if reply["Error"]["Code"].isalpha():  # of a HEAD the code is the status
        assert reply["ResponseMetadata"]["RequestId"]
    return reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"]


async def read(ask: Ask, **parameters: Any) -> bytes:
    reply = await ask("get_object", **parameters)
    return await trio.to_thread.run_sync(reply["Body"].read)


async def test_list_buckets(ask: Ask) -> None:
    reply = await ask("list_buckets")
    assert [bucket["Name"] for bucket in reply["Buckets"]] == ["in", "out"]
    assert reply["Owner"]["ID"] == "runner"


async def test_head_bucket(ask: Ask) -> None:
    assert (await ask("head_bucket", Bucket="in"))["BucketRegion"] == "us-east-1"
    assert await refusal(ask("head_bucket", Bucket="other")) == ("404", 404)


async def test_get_bucket_location(ask: Ask) -> None:
    assert (await ask("get_bucket_location", Bucket="in"))["LocationConstraint"] is None


async def test_get_bucket_versioning(ask: Ask) -> None:
    assert "Status" not in await ask("get_bucket_versioning", Bucket="out")


async def test_get_bucket_acl_and_get_object_acl(ask: Ask) -> None:
    for reply in (await ask("get_bucket_acl", Bucket="in"), await ask("get_object_acl", Bucket="in", Key="b")):
        (grant,) = reply["Grants"]
        assert (grant["Grantee"]["Type"], grant["Permission"]) == ("CanonicalUser", "FULL_CONTROL")


async def test_what_no_bucket_has(ask: Ask) -> None:
    assert await refusal(ask("get_bucket_tagging", Bucket="in")) == ("NoSuchTagSet", 404)
    assert await refusal(ask("put_bucket_policy", Bucket="in", Policy="{}")) == ("NotImplemented", 501)


async def test_create_bucket(ask: Ask) -> None:
    assert await refusal(ask("create_bucket", Bucket="out")) == ("BucketAlreadyOwnedByYou", 409)
    assert await refusal(ask("create_bucket", Bucket="other")) == ("AccessDenied", 403)


async def test_delete_bucket(ask: Ask) -> None:
    assert await refusal(ask("delete_bucket", Bucket="out")) == ("AccessDenied", 403)


async def test_put_object_and_get_object(ask: Ask) -> None:
    key = "a b/+=&%ü"
    put = await ask("put_object", Bucket="out", Key=key, Body=b"hello", Metadata={"n": "1"}, ContentType="text/plain")
    assert put["ETag"].strip('"') == hashlib.md5(b"hello").hexdigest()
    assert (put["ChecksumCRC32"], put["ChecksumType"]) == ("NhCmhg==", "FULL_OBJECT")
    got = await ask("get_object", Bucket="out", Key=key)
    assert (got["Metadata"], got["ContentType"], got["ContentLength"]) == ({"n": "1"}, "text/plain", 5)
    assert await trio.to_thread.run_sync(got["Body"].read) == b"hello"
    assert await read(ask, Bucket="in", Key="b", Range="bytes=-3") == BODY[-3:]
    assert await refusal(ask("get_object", Bucket="in", Key="b", Range="bytes=99-")) == ("InvalidRange", 416)
    assert await refusal(ask("get_object", Bucket="in", Key="b", IfNoneMatch=ETAG)) == ("304", 304)
    assert await refusal(ask("get_object", Bucket="in", Key="none")) == ("NoSuchKey", 404)
    assert await refusal(ask("put_object", Bucket="in", Key="new", Body=b"x")) == ("AccessDenied", 403)
    assert await refusal(ask("put_object", Bucket="out", Key=key, Body=b"x", IfNoneMatch="*")) == (
        "PreconditionFailed",
        412,
    )
    assert await read(ask, Bucket="out", Key=key) == b"hello"


async def test_head_object(ask: Ask) -> None:
    reply = await ask("head_object", Bucket="in", Key="b")
    assert (reply["ContentLength"], reply["ETag"], reply["Metadata"]) == (len(BODY), f'"{ETAG}"', {"colour": "red"})
    assert "VersionId" not in reply
    assert await refusal(ask("head_object", Bucket="in", Key="none")) == ("404", 404)
    assert await refusal(ask("head_object", Bucket="in", Key="b", IfMatch="x")) == ("412", 412)


async def test_get_object_attributes(ask: Ask) -> None:
    reply = await ask("get_object_attributes", Bucket="in", Key="b", ObjectAttributes=["ETag", "ObjectSize"])
    assert (reply["ETag"], reply["ObjectSize"]) == (ETAG, len(BODY))


async def test_get_object_tagging(ask: Ask) -> None:
    assert (await ask("get_object_tagging", Bucket="in", Key="b"))["TagSet"] == []


async def test_list_objects(ask: Ask) -> None:
    reply = await ask("list_objects", Bucket="in", Delimiter="/", MaxKeys=1)
    assert ([x["Prefix"] for x in reply["CommonPrefixes"]], reply["NextMarker"]) == (["a/"], "a/")
    reply = await ask("list_objects", Bucket="in", Delimiter="/", Marker="a/")
    assert ([x["Key"] for x in reply["Contents"]], reply["IsTruncated"]) == (["b", "empty"], False)


async def test_list_objects_v2(ask: Ask) -> None:
    odd = "odd \x01&<>\"'+\ud7ff\n"
    await ask("put_object", Bucket="out", Key=odd, Body=b"")
    assert [x["Key"] for x in (await ask("list_objects_v2", Bucket="out"))["Contents"]] == [odd]
    first = await ask("list_objects_v2", Bucket="in", MaxKeys=3, StartAfter="a/1", FetchOwner=True)
    assert [x["Key"] for x in first["Contents"]] == ["a/2", "b", "empty"]
    second = await ask("list_objects_v2", Bucket="in", MaxKeys=3)
    assert [x["Key"] for x in second["Contents"]] == ["a/1", "a/2", "b"]
    third = await ask("list_objects_v2", Bucket="in", ContinuationToken=second["NextContinuationToken"])
    assert [x["Key"] for x in third["Contents"]] == ["empty"]


async def test_copy_object(ask: Ask) -> None:
    key = "a ?+%25"
    await ask("put_object", Bucket="out", Key=key, Body=b"x")
    reply = await ask("copy_object", Bucket="out", Key="copy", CopySource={"Bucket": "out", "Key": key})
    assert reply["CopyObjectResult"]["ETag"].strip('"') == hashlib.md5(b"x").hexdigest()
    assert await read(ask, Bucket="out", Key="copy") == b"x"
    away = {"Bucket": "other", "Key": "k"}
    assert await refusal(ask("copy_object", Bucket="out", Key="c", CopySource=away)) == ("NoSuchBucket", 404)


async def test_delete_object(ask: Ask) -> None:
    await ask("put_object", Bucket="out", Key="k", Body=b"x")
    assert (await ask("delete_object", Bucket="out", Key="k"))["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert await refusal(ask("delete_object", Bucket="in", Key="b")) == ("AccessDenied", 403)


async def test_delete_objects(ask: Ask) -> None:
    await ask("put_object", Bucket="out", Key="a&b", Body=b"x")
    wanted = {"Objects": [{"Key": "a&b"}, {"Key": "none"}]}
    reply = await ask("delete_objects", Bucket="out", Delete=wanted)
    assert [x["Key"] for x in reply["Deleted"]] == ["a&b", "none"]
    reply = await ask("delete_objects", Bucket="in", Delete={"Objects": [{"Key": "b"}]})
    assert [(x["Key"], x["Code"]) for x in reply["Errors"]] == [("b", "AccessDenied")]


async def test_create_multipart_upload_upload_part_list_parts_list_multipart_uploads_and_complete_multipart_upload(
    ask: Ask,
) -> None:
    of = {"Bucket": "out", "Key": "m"}
    upload = (await ask("create_multipart_upload", **of, ChecksumAlgorithm="CRC32"))["UploadId"]
    of["UploadId"] = upload
    listed = await ask("list_multipart_uploads", Bucket="out")
    assert [(x["Key"], x["UploadId"]) for x in listed["Uploads"]] == [("m", upload)]
    parts = []
    for number, body in ((1, PART), (2, TAIL)):
        part = await ask("upload_part", **of, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    assert [x["Size"] for x in (await ask("list_parts", **of))["Parts"]] == [len(PART), len(TAIL)]
    done = await ask("complete_multipart_upload", **of, MultipartUpload={"Parts": parts})
    assert (done["ETag"][-3:], done["ChecksumType"]) == ('-2"', "COMPOSITE")
    assert await read(ask, Bucket="out", Key="m") == PART + TAIL
    assert await read(ask, Bucket="out", Key="m", PartNumber=2) == TAIL
    assert await refusal(ask("list_parts", **of)) == ("NoSuchUpload", 404)


async def test_upload_part_copy(ask: Ask) -> None:
    of = {"Bucket": "out", "Key": "m"}
    of["UploadId"] = (await ask("create_multipart_upload", **of))["UploadId"]
    reply = await ask("upload_part_copy", **of, PartNumber=1, CopySource="in/b", CopySourceRange="bytes=2-4")
    part = {"PartNumber": 1, "ETag": reply["CopyPartResult"]["ETag"]}
    await ask("complete_multipart_upload", **of, MultipartUpload={"Parts": [part]})
    assert await read(ask, Bucket="out", Key="m") == BODY[2:5]


async def test_abort_multipart_upload(ask: Ask) -> None:
    of = {"Bucket": "out", "Key": "m"}
    of["UploadId"] = (await ask("create_multipart_upload", **of))["UploadId"]
    await ask("abort_multipart_upload", **of)
    assert await refusal(ask("abort_multipart_upload", **of)) == ("NoSuchUpload", 404)


async def test_the_end_of_an_attempt_is_409_for_every_request(ask: Ask, attempt: Any) -> None:
    await attempt.close(keep=True, exit=None, reason="")
    for late in (
        ask("put_object", Bucket="out", Key="late", Body=b"x"),
        ask("get_object", Bucket="in", Key="b"),
        ask("list_objects_v2", Bucket="out"),
        ask("delete_objects", Bucket="out", Delete={"Objects": [{"Key": "a"}]}),
        ask("list_buckets"),
    ):
        assert await refusal(late) == ("OperationAborted", 409)


async def test_every_error_names_the_request_that_its_headers_name(gateway: Served) -> None:
    await gateway.start()
    async with gateway.connect() as raw:
        for line in ("GET /other/k HTTP/1.1\n", "PATCH /in/b HTTP/1.1\n", "GET /in?inventory HTTP/1.1\n"):
            reply = await raw.ask(line)
            assert f"<RequestId>{reply.headers['x-amz-request-id']}</RequestId>".encode() in reply.body
            assert (reply.headers["content-type"], "server" in reply.headers) == ("application/xml", False)

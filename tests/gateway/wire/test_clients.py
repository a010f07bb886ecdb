"""boto3 against a gateway on a socket, as programs use it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest
import trio
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from runner.store.refusals import NoSuchKey
from tests.gateway.conftest import BODY

TOKEN = "rnr_0123456789abcdefghijABCDEFGHIJ0123456789abc"
MEBIBYTE = 1 << 20


@pytest.fixture
def client() -> Iterator[Callable[..., Any]]:
    """Makes clients of a gateway, and closes them: a socket that is left to the collector fails a later test."""
    with ExitStack() as made:

        def make(url, token=TOKEN, secret=None, **options):
            s3 = boto3.client(
                "s3",
                endpoint_url=url,
                aws_access_key_id=token,
                aws_secret_access_key=secret or token,
                region_name="us-east-1",
                config=Config(retries={"max_attempts": 0}, **options),
            )
            made.callback(s3.close)
            return s3

        yield make


def refusal(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def use(s3):
    """Do what every program does: write, read back, list, remove."""
    large = b"0123456789abcdef" * (3 * MEBIBYTE // 16)
    for key, body in (("small", b"x"), ("folder/a b+c%d", b"odd"), ("large", large), ("empty", b"")):
        put = s3.put_object(Bucket="out", Key=key, Body=body, Metadata={"n": "1"}, ContentType="text/x")
        assert put["ETag"].strip('"') == hashlib.md5(body).hexdigest()
        got = s3.get_object(Bucket="out", Key=key)
        assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (body, {"n": "1"}, "text/x")
    assert s3.get_object(Bucket="out", Key="large", Range="bytes=-5")["Body"].read() == large[-5:]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="out")["Contents"]] == sorted(
        ["small", "folder/a b+c%d", "large", "empty"]
    )
    assert refusal(s3.get_object, Bucket="out", Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.put_object, Bucket="in", Key="none", Body=b"x" * MEBIBYTE) == ("AccessDenied", 403)
    assert not s3.delete_objects(Bucket="out", Delete={"Objects": [{"Key": "small"}]}).get("Errors")
    upload = s3.create_multipart_upload(Bucket="out", Key="parts", ChecksumAlgorithm="CRC32")
    of = {"Bucket": "out", "Key": "parts", "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, b"a" * 5 * MEBIBYTE), (2, b"b")):
        part = s3.upload_part(**of, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    assert s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts})["ETag"].endswith('-2"')
    assert s3.get_object(Bucket="out", Key="parts")["Body"].read() == b"a" * 5 * MEBIBYTE + b"b"


@pytest.mark.parametrize(
    ("token", "options"),
    [
        (None, {"signature_version": "v4"}),
        (TOKEN, {"signature_version": "v4"}),
        (TOKEN, {"signature_version": "s3"}),
        (TOKEN, {"signature_version": "v4", "s3": {"payload_signing_enabled": False}}),
    ],
)
async def test_boto3_at_work(gateway, client, token, options):
    url = await gateway.start(token=token)
    await trio.to_thread.run_sync(use, client(url, **options))


async def test_who_may_not_is_refused_and_nothing_is_stored(gateway, client, view):
    url = await gateway.start(token=TOKEN)

    def try_all():
        for version in ("v4", "s3"):
            for s3, expected in (
                (client(url, secret="wrong" * 5, signature_version=version), "SignatureDoesNotMatch"),
                (client(url, "rnr_another_jobs_token", signature_version=version), "InvalidAccessKeyId"),
            ):
                assert refusal(s3.list_buckets) == (expected, 403)
                assert refusal(s3.put_object, Bucket="out", Key="key", Body=b"x") == (expected, 403)
                assert refusal(s3.get_object, Bucket="in", Key="b") == (expected, 403)

    await trio.to_thread.run_sync(try_all)
    async with gateway.connect() as raw:
        for request in ("GET /in/b HTTP/1.1\n", "PUT /out/key HTTP/1.1\nContent-Length: 0\n", "GET / HTTP/1.1\n"):
            assert (await raw.ask(request)).code == "AccessDenied"
    with pytest.raises(NoSuchKey):
        await (await view.get_bucket("out")).head(b"key")


@pytest.mark.parametrize("version", ["v4", "s3"])
async def test_presigned_urls_read_and_write(gateway, client, version):
    url = await gateway.start(token=TOKEN)
    s3 = client(url, signature_version=version)

    def follow():
        put = s3.generate_presigned_url("put_object", {"Bucket": "out", "Key": "a b"}, ExpiresIn=60)
        with urlopen(Request(put, b"signed", {"Content-Type": ""}, method="PUT")) as reply:
            assert reply.status == 200
        get = s3.generate_presigned_url("get_object", {"Bucket": "out", "Key": "a b"}, ExpiresIn=60)
        with urlopen(get) as reply:
            assert reply.read() == b"signed"

    await trio.to_thread.run_sync(follow)


class Streaming(S3SigV4Auth):
    """Signs a request whose chunks are signed too."""

    form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    def payload(self, request):
        return self.form


class StreamingTrailer(Streaming):
    form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def sign_stream(url, signer, length):
    """Return the head of a signed streaming PUT, and what signs its chunks."""
    headers = {"x-amz-decoded-content-length": str(length), "Content-Encoding": "aws-chunked"}
    if signer is StreamingTrailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    request = AWSRequest("PUT", f"{url}/out/key", headers)
    request.context["client_config"] = None
    auth = signer(Credentials(TOKEN, TOKEN), "s3", "us-east-1")
    auth.add_auth(request)
    seed = request.headers["Authorization"].rpartition("Signature=")[2]
    text = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    head = f"PUT /out/key HTTP/1.1\nHost: {urlsplit(url).netloc}\n{text}Transfer-Encoding: chunked\n\n"
    return head, auth, request, seed


def chunks(signer, request, previous, pieces, *, tamper=None):
    """Return a body of signed chunks, inside HTTP's own chunks; *tamper* names the one to forge."""
    body = b""
    empty = hashlib.sha256(b"").hexdigest()
    scope = signer.credential_scope(request)
    date = request.context["timestamp"]
    for number, piece in enumerate([*pieces, b""]):
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{empty}\n{hashlib.sha256(piece).hexdigest()}"
        previous = signer.signature(text, request)
        shown = "0" * 64 if number == tamper else previous
        body += b"%x;chunk-signature=%s\r\n%s" % (len(piece), shown.encode(), piece + b"\r\n" if piece else b"")
    if isinstance(signer, StreamingTrailer):
        crc = "x-amz-checksum-crc32:NhCmhg=="  # of b"hello"
        digest = hashlib.sha256(f"{crc}\n".encode()).hexdigest()
        previous = signer.signature(f"AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{digest}", request)
        shown = "0" * 64 if tamper == "trailer" else previous
        body += f"{crc}\r\nx-amz-trailer-signature:{shown}\r\n".encode()
    body += b"\r\n"
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("signer", [Streaming, StreamingTrailer])
async def test_signed_chunks_are_verified_to_the_last(gateway, view, signer):
    url = await gateway.start(token=TOKEN)
    bucket = await view.get_bucket("out")
    tampered = [0, 1, 2, *(["trailer"] if signer is StreamingTrailer else [])]
    for tamper in (*tampered, None):
        async with gateway.connect() as raw:
            head, auth, request, seed = sign_stream(url, signer, 5)
            await raw.send(head, chunks(auth, request, seed, [b"hel", b"lo"], tamper=tamper))
            reply = await raw.reply()
            if tamper is None:
                assert reply.status == 200
            else:
                assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
                with pytest.raises(NoSuchKey):
                    await bucket.head(b"key")
    assert (await bucket.head(b"key")).size == 5
    assert "content-encoding" not in (await bucket.head(b"key")).attributes.headers


async def test_a_bad_seed_signature_is_refused_before_the_body(gateway):
    url = await gateway.start(token=TOKEN)
    async with gateway.connect() as raw:
        head, *_ = sign_stream(url, Streaming, 5)
        await raw.send(head.replace("Signature=", "Signature=0"))
        reply = await raw.reply()
        assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")


async def test_version_2_cannot_sign_chunks_of_version_4(gateway, client):
    url = await gateway.start(token=TOKEN)

    def put():
        s3 = client(url, signature_version="s3")
        s3.meta.events.register("before-sign.s3.PutObject", _announce_chunks)
        return refusal(s3.put_object, Bucket="out", Key="key", Body=b"x")

    code, status = await trio.to_thread.run_sync(put)
    assert (code, status) == ("InvalidRequest", 400)


def _announce_chunks(request, **_kwargs):
    request.headers["x-amz-content-sha256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request.headers["x-amz-decoded-content-length"] = "1"


async def test_a_bucket_may_stand_in_the_host(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send("GET /b HTTP/1.1\nHost: in.localhost:1600\n\n")
        assert (await raw.reply()).body == BODY


async def test_pyarrows_way_of_sending_a_part(gateway, view):
    """aws-chunked with an unsigned trailer inside HTTP's chunks, no Content-Length at all."""
    await gateway.start()
    async with gateway.connect() as raw:
        head = (
            "PUT /out/key HTTP/1.1\nTransfer-Encoding: chunked\nContent-Encoding: aws-chunked\n"
            "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-decoded-content-length: 5\n"
            "x-amz-trailer: x-amz-checksum-crc32\n"
        )
        framed = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
        cut = b"".join(b"1\r\n%c\r\n" % byte for byte in framed) + b"0\r\n\r\n"
        reply = await raw.ask(head, cut)
        assert (reply.status, reply.headers["x-amz-checksum-crc32"]) == (200, "NhCmhg==")
        wrong = cut.replace(b"1\r\nN\r\n", b"1\r\nO\r\n")
        assert (await raw.ask(head, wrong)).code == "BadDigest"
    assert (await (await view.get_bucket("out")).head(b"key")).size == 5

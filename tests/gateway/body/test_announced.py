import hashlib
from base64 import b64encode

import pytest

from runner.gateway.body.announced import Payload, read
from runner.gateway.errors import S3Error
from runner.model.entry import ChecksumAlgorithm

MD5 = b64encode(hashlib.md5(b"").digest()).decode()
CHUNKS = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-decoded-content-length": "5",
    "transfer-encoding": "chunked",
}
CRC = {"x-amz-checksum-crc32": "AAAAAA=="}


def refusal(headers):
    with pytest.raises(S3Error) as caught:
        read(headers)
    return caught.value.code


def test_a_plain_body():
    announced = read({"content-length": "5", "content-md5": MD5, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert (announced.length, announced.has_body, announced.sha256) == (5, True, None)
    assert announced.md5 == hashlib.md5(b"").digest()


def test_no_body():
    assert not read({}).has_body


@pytest.mark.parametrize("form", [payload for payload in Payload if payload.is_framed])
def test_every_form_of_chunks_tells_its_length_without_them(form):
    trailer = {"x-amz-trailer": "x-amz-checksum-crc32"} if form.has_trailer else {}
    announced = read({**CHUNKS, **trailer, "x-amz-content-sha256": form.value, "content-length": "99"})
    assert (announced.payload, announced.length) == (form, 5)
    assert read({**CHUNKS, **trailer, "x-amz-content-sha256": form.value}).length == 5


@pytest.mark.parametrize("algorithm", ChecksumAlgorithm)
def test_every_algorithm_in_header_and_trailer(algorithm):
    name = f"x-amz-checksum-{algorithm.lower()}"
    assert read({**CHUNKS, "x-amz-trailer": name.title()}).trailer == name
    size = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}[algorithm]
    announced = read({name: b64encode(bytes(size)).decode(), "x-amz-sdk-checksum-algorithm": algorithm.lower()})
    assert (announced.algorithm, announced.checksum) == (algorithm, bytes(size))
    assert refusal({name: b64encode(bytes(size + 1)).decode()}) == "BadDigest"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, "NotImplemented"),
        ({"x-amz-content-sha256": "STREAMING-"}, "NotImplemented"),
        ({"x-amz-content-sha256": "0123"}, "InvalidArgument"),
        ({"x-amz-content-sha256": ""}, "InvalidArgument"),
        ({"content-md5": ""}, "InvalidDigest"),
        ({"content-md5": "rubbish"}, "InvalidDigest"),
        ({"content-md5": b64encode(b"short").decode()}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "not base64"}, "BadDigest"),
        ({**CRC, "x-amz-checksum-sha1": "AAAA"}, "InvalidRequest"),
        ({**CHUNKS, **CRC, "x-amz-trailer": "x-amz-checksum-crc32"}, "InvalidRequest"),
        ({**CHUNKS, "x-amz-trailer": "x-amz-checksum-crc32, x-amz-checksum-sha1"}, "InvalidRequest"),
        ({**CHUNKS, "x-amz-trailer": "x-amz-meta-late"}, "InvalidRequest"),
        (CHUNKS, "InvalidRequest"),
        ({"x-amz-trailer": "x-amz-checksum-crc32", "content-length": "3"}, "InvalidRequest"),
        ({**CRC, "x-amz-sdk-checksum-algorithm": "SHA1"}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
        ({"x-amz-content-sha256": CHUNKS["x-amz-content-sha256"], "content-length": "9"}, "MissingContentLength"),
        ({**CHUNKS, "x-amz-decoded-content-length": "-1"}, "InvalidArgument"),
        ({**CHUNKS, "x-amz-decoded-content-length": "five"}, "InvalidArgument"),
    ],
)
def test_what_makes_no_sense_is_refused(headers, code):
    assert refusal(headers) == code


def test_a_checksum_of_something_else_is_left_alone():
    assert read({"x-amz-checksum-sha256": "AAAA-3"}, has_checksum=False).algorithm is None

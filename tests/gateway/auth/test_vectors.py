"""The signatures that AWS publishes.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
"""

import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from runner.gateway.address import Hosts, resolve
from runner.gateway.auth import SignedHead, sigv2, sigv4
from runner.gateway.principal import Grant, Principal
from runner.gateway.request import Query

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
NOW = datetime(2013, 5, 24, tzinfo=UTC)
EMPTY = hashlib.sha256().hexdigest().encode()
HOST = (b"host", b"examplebucket.s3.amazonaws.com")
DATE = (b"x-amz-date", b"20130524T000000Z")
NO_BODY = (b"x-amz-content-sha256", EMPTY)
CHUNKED = [
    (b"host", b"s3.amazonaws.com"),
    DATE,
    (b"x-amz-storage-class", b"REDUCED_REDUNDANCY"),
    (b"content-encoding", b"aws-chunked"),
    (b"x-amz-decoded-content-length", b"66560"),
    (b"content-length", b"66824"),
]


class Published:
    def find(self, access_key):
        assert access_key == ACCESS_KEY
        return Grant(Principal("aws"), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def head(method, target, headers):
    path, _, query = target.partition(b"?")
    hosts = Hosts("http://s3.amazonaws.com", is_open=True)
    return SignedHead(method, resolve(path, dict(headers)[b"host"].decode(), hosts), Query(query), headers)


def verify_v4(method, target, headers, signed_headers, signature):
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed_headers},Signature={signature}"
    )
    return sigv4.verify(head(method, target, headers), authorization, Published(), sigv4.SigningKeys(), NOW)


@pytest.mark.parametrize(
    ("method", "target", "headers", "signed_headers", "signature"),
    [
        (
            "GET",
            b"/test.txt",
            [HOST, (b"range", b"bytes=0-9"), NO_BODY, DATE],
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            b"/test$file.text",
            [
                HOST,
                (b"date", b"Fri, 24 May 2013 00:00:00 GMT"),
                DATE,
                (b"x-amz-storage-class", b"REDUCED_REDUNDANCY"),
                (b"x-amz-content-sha256", b"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            ],
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            b"/?lifecycle",
            [HOST, NO_BODY, DATE],
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            b"/?max-keys=2&prefix=J",
            [HOST, NO_BODY, DATE],
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_version_4_in_the_header(method, target, headers, signed_headers, signature):
    principal, _ = verify_v4(method, target, headers, signed_headers, signature)
    assert principal.name == "aws"


def test_version_4_presigned():
    target = (
        b"/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        b"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        b"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        b"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    principal, _ = sigv4.verify(head("GET", target, [HOST]), None, Published(), sigv4.SigningKeys(), NOW)
    assert principal.name == "aws"


def test_signed_chunks():
    headers = [*CHUNKED, (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD")]
    _, signer = verify_v4(
        "PUT",
        b"/examplebucket/chunkObject.txt",
        headers,
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )
    assert [signer.sign_chunk(hashlib.sha256(b"a" * size).hexdigest()) for size in (65536, 1024, 0)] == [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]


def test_signed_chunks_with_a_trailer():
    headers = [
        *CHUNKED,
        (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        (b"x-amz-trailer", b"x-amz-checksum-crc32c"),
    ]
    _, signer = verify_v4(
        "PUT",
        b"/examplebucket/chunkObject.txt",
        headers,
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;"
        "x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    )
    assert [signer.sign_chunk(hashlib.sha256(b"a" * size).hexdigest()) for size in (65536, 1024, 0)] == [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ]
    trailer = hashlib.sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n").hexdigest()
    assert signer.sign_trailer(trailer) == "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"


@pytest.mark.parametrize(
    ("method", "host", "target", "date", "signature"),
    [
        (
            "GET",
            b"johnsmith.",
            b"/photos/puppy.jpg",
            "Tue, 27 Mar 2007 19:36:42 +0000",
            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
        ),
        (
            "PUT",
            b"johnsmith.",
            b"/photos/puppy.jpg",
            "Tue, 27 Mar 2007 21:15:45 +0000",
            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
        ),
        (
            "GET",
            b"johnsmith.",
            b"/?prefix=photos&max-keys=50&marker=puppy",
            "Tue, 27 Mar 2007 19:42:41 +0000",
            "htDYFYduRNen8P9ZfE/s9SuKy0U=",
        ),
        ("GET", b"johnsmith.", b"/?acl", "Tue, 27 Mar 2007 19:44:46 +0000", "c2WLPFtWHVgbEmeEG93a4cG37dM="),
        ("GET", b"", b"/", "Wed, 28 Mar 2007 01:29:59 +0000", "qGdzdERIC03wnaRNKh6OqZehG9s="),
        (
            "GET",
            b"",
            b"/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
            "Wed, 28 Mar 2007 01:49:49 +0000",
            "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
        ),
    ],
)
def test_version_2(method, host, target, date, signature):
    headers = [(b"host", host + b"s3.amazonaws.com"), (b"date", date.encode())]
    if method == "PUT":
        headers.append((b"content-type", b"image/jpeg"))
    authorization = f"AWS {ACCESS_KEY}:{signature}"
    principal = sigv2.verify(head(method, target, headers), authorization, Published(), parsedate_to_datetime(date))
    assert principal.name == "aws"

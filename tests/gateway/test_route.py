from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.errors import S3Error
from runner.gateway.request import Query
from runner.gateway.route import ROUTES, find_route
from tests.gateway.outcome import outcome

COPY = {"x-amz-copy-source": "a/b"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "name"),
    [
        ("GET", "", "", {}, "ListBuckets"),
        ("GET", "b", "", {}, "ListObjects"),
        ("GET", "b", "list-type=2", {}, "ListObjectsV2"),
        ("GET", "b", "list-type=1", {}, "ListObjects"),
        ("HEAD", "b", "", {}, "HeadBucket"),
        ("PUT", "b", "", {}, "CreateBucket"),
        ("DELETE", "b", "", {}, "DeleteBucket"),
        ("GET", "b", "location", {}, "GetBucketLocation"),
        ("GET", "b", "versioning=", {}, "GetBucketVersioning"),
        ("PUT", "b", "versioning", {}, "PutBucketVersioning"),
        ("PUT", "b", "cors", {}, "PutBucketCors"),
        ("DELETE", "b", "policy", {}, "DeleteBucketPolicy"),
        ("PUT", "b/k", "tagging", {}, "PutObjectTagging"),
        ("PUT", "b/k", "acl", {}, "PutObjectAcl"),
        ("OPTIONS", "b/k", "", {}, "OptionsObject"),
        ("OPTIONS", "b", "", {}, "OptionsObject"),
        ("GET", "b", "versions&prefix=a", {}, "ListObjectVersions"),
        ("GET", "b", "acl", {}, "GetBucketAcl"),
        ("GET", "b", "uploads&prefix=x", {}, "ListMultipartUploads"),
        ("POST", "b", "delete", {}, "DeleteObjects"),
        ("GET", "b/k", "", {}, "GetObject"),
        ("GET", "b/k", "x-id=GetObject&partNumber=2", {}, "GetObject"),
        ("GET", "b/k", "delete", {}, "GetObject"),
        ("HEAD", "b/k", "", {}, "HeadObject"),
        ("PUT", "b/k", "", {}, "PutObject"),
        ("PUT", "b/k", "", COPY, "CopyObject"),
        ("DELETE", "b/k", "", {}, "DeleteObject"),
        ("DELETE", "b/k", "", COPY, "DeleteObject"),
        ("GET", "b/k", "attributes", {}, "GetObjectAttributes"),
        ("GET", "b/k", "acl", {}, "GetObjectAcl"),
        ("GET", "b/k", "tagging", {}, "GetObjectTagging"),
        ("POST", "b/k", "uploads", {}, "CreateMultipartUpload"),
        ("PUT", "b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "b/k", "uploadId=u&partNumber=1", COPY, "UploadPartCopy"),
        ("GET", "b/k", "uploadId=u", {}, "ListParts"),
        ("POST", "b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("DELETE", "b/k", "uploadId=u", {}, "AbortMultipartUpload"),
    ],
)
def test_a_request_finds_its_operation(method: str, path: str, query: str, headers: dict[str, str], name: str) -> None:
    assert route(method, path, query, headers).name == name


def route(method: str, path: str, query: str = "", headers: dict[str, str] | None = None):
    bucket, _, key = path.partition("/")
    return find_route(method, bucket or None, key.encode() or None, Query(query.encode()), headers or {})


@pytest.mark.parametrize(
    ("method", "path", "query", "code", "status"),
    [
        ("DELETE", "b/k", "acl", "NotImplemented", 501),
        ("PUT", "b/k", "retention", "NotImplemented", 501),
        ("POST", "b/k", "restore", "NotImplemented", 501),
        ("POST", "b/k", "select&select-type=2", "NotImplemented", 501),
        ("PUT", "b", "policy", "NotImplemented", 501),
        ("PUT", "b", "lifecycle", "NotImplemented", 501),
        ("PUT", "b", "versions", "NotImplemented", 501),
        ("POST", "b", "", "PreconditionFailed", 412),
        ("POST", "b/k", "", "MethodNotAllowed", 405),
        ("PATCH", "b/k", "", "MethodNotAllowed", 405),
        ("PATCH", "b/k", "acl", "MethodNotAllowed", 405),
        ("PUT", "", "", "MethodNotAllowed", 405),
        ("DELETE", "", "", "MethodNotAllowed", 405),
        ("PUT", "b/k", "partNumber=1", "InvalidArgument", 400),
        ("PUT", "b/k", "uploadId=u", "InvalidArgument", 400),
    ],
)
def test_what_is_not_served_is_refused(method: str, path: str, query: str, code: str, status: int) -> None:
    with pytest.raises(S3Error) as caught:
        route(method, path, query)
    assert (caught.value.code, caught.value.status) == (code, status)


@given(
    st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=1, max_size=8),
    st.sampled_from(["", "b", "b/k"]),
    st.text(max_size=20),
)
def test_any_request_is_routed_or_refused(method: str, path: str, query: str) -> None:
    found, code = outcome(route, method, path, query)
    assert found in ROUTES or code in ("NotImplemented", "MethodNotAllowed", "InvalidArgument")


def test_no_two_operations_share_a_name() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)

"""From a request's shape to its operation: two tables, read by subresource and then by method.

A *subresource* is a query parameter that makes a request another one: ``PUT /bucket/key?acl`` stores no
object. One that S3 knows and this gateway does not is refused, never taken for the plain request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from runner.gateway.copy_source import HEADER as COPY_SOURCE
from runner.gateway.errors import S3Error
from runner.gateway.operations import (
    abort_multipart_upload,
    complete_multipart_upload,
    copy_object,
    create_bucket,
    create_multipart_upload,
    delete_bucket,
    delete_object,
    delete_objects,
    get_bucket_acl,
    get_bucket_location,
    get_bucket_versioning,
    get_object,
    get_object_acl,
    get_object_attributes,
    get_object_tagging,
    head_bucket,
    head_object,
    list_buckets,
    list_multipart_uploads,
    list_object_versions,
    list_objects,
    list_objects_v2,
    list_parts,
    put_bucket_versioning,
    put_object,
    upload_part,
    upload_part_copy,
)
from runner.gateway.operations.absent import absent
from runner.gateway.request import Operation, Query


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and its name, as AWS spells it."""

    name: str
    run: Operation


Methods = Mapping[str, Route]

_SERVICE: Methods = {"GET": Route("ListBuckets", list_buckets.run)}

_BUCKET: Mapping[str, Methods] = MappingProxyType(
    {
        "": {
            "GET": Route("ListObjects", list_objects.run),
            "HEAD": Route("HeadBucket", head_bucket.run),
            "PUT": Route("CreateBucket", create_bucket.run),
            "DELETE": Route("DeleteBucket", delete_bucket.run),
        },
        "acl": {"GET": Route("GetBucketAcl", get_bucket_acl.run)},
        "cors": {"GET": Route("GetBucketCors", absent("NoSuchCORSConfiguration"))},
        "delete": {"POST": Route("DeleteObjects", delete_objects.run)},
        "encryption": {
            "GET": Route("GetBucketEncryption", absent("ServerSideEncryptionConfigurationNotFoundError")),
        },
        "lifecycle": {"GET": Route("GetBucketLifecycleConfiguration", absent("NoSuchLifecycleConfiguration"))},
        "location": {"GET": Route("GetBucketLocation", get_bucket_location.run)},
        "object-lock": {"GET": Route("GetObjectLockConfiguration", absent("ObjectLockConfigurationNotFoundError"))},
        "ownershipControls": {
            "GET": Route("GetBucketOwnershipControls", absent("OwnershipControlsNotFoundError")),
        },
        "policy": {"GET": Route("GetBucketPolicy", absent("NoSuchBucketPolicy"))},
        "policyStatus": {"GET": Route("GetBucketPolicyStatus", absent("NoSuchBucketPolicy"))},
        "publicAccessBlock": {"GET": Route("GetPublicAccessBlock", absent("NoSuchPublicAccessBlockConfiguration"))},
        "replication": {"GET": Route("GetBucketReplication", absent("ReplicationConfigurationNotFoundError"))},
        "tagging": {"GET": Route("GetBucketTagging", absent("NoSuchTagSet"))},
        "uploads": {"GET": Route("ListMultipartUploads", list_multipart_uploads.run)},
        "versioning": {
            "GET": Route("GetBucketVersioning", get_bucket_versioning.run),
            "PUT": Route("PutBucketVersioning", put_bucket_versioning.run),
        },
        "versions": {"GET": Route("ListObjectVersions", list_object_versions.run)},
        "website": {"GET": Route("GetBucketWebsite", absent("NoSuchWebsiteConfiguration"))},
        **dict.fromkeys(
            (
                "abac",
                "accelerate",
                "analytics",
                "intelligent-tiering",
                "inventory",
                "logging",
                "metadataConfiguration",
                "metadataTable",
                "metrics",
                "notification",
                "requestPayment",
                "session",
            ),
            MappingProxyType({}),
        ),
    }
)

_OBJECT: Mapping[str, Methods] = MappingProxyType(
    {
        "": {
            "GET": Route("GetObject", get_object.run),
            "HEAD": Route("HeadObject", head_object.run),
            "PUT": Route("PutObject", put_object.run),
            "DELETE": Route("DeleteObject", delete_object.run),
        },
        "acl": {"GET": Route("GetObjectAcl", get_object_acl.run)},
        "attributes": {"GET": Route("GetObjectAttributes", get_object_attributes.run)},
        "tagging": {"GET": Route("GetObjectTagging", get_object_tagging.run)},
        "torrent": {"GET": Route("GetObjectTorrent", absent("NoSuchKey"))},
        "uploadId": {
            "GET": Route("ListParts", list_parts.run),
            "PUT": Route("UploadPart", upload_part.run),
            "POST": Route("CompleteMultipartUpload", complete_multipart_upload.run),
            "DELETE": Route("AbortMultipartUpload", abort_multipart_upload.run),
        },
        "uploads": {"POST": Route("CreateMultipartUpload", create_multipart_upload.run)},
        **dict.fromkeys(
            (
                "annotation",
                "append",
                "encryption",
                "legal-hold",
                "renameObject",
                "restore",
                "retention",
                "select",
                "updateRestorationStatus",
            ),
            MappingProxyType({}),
        ),
    }
)

_COPIES = MappingProxyType(
    {
        "PutObject": Route("CopyObject", copy_object.run),
        "UploadPart": Route("UploadPartCopy", upload_part_copy.run),
    }
)
_LIST_V2 = Route("ListObjectsV2", list_objects_v2.run)

ROUTES: Sequence[Route] = (
    *(
        route
        for table in (_BUCKET, _OBJECT, {"": _SERVICE})
        for methods in table.values()
        for route in methods.values()
    ),
    *_COPIES.values(),
    _LIST_V2,
)
"""Every operation that is served."""


def find_route(method: str, bucket: str | None, key: bytes | None, query: Query, headers: Mapping[str, str]) -> Route:
    """Return what a request asks for.

    Args:
        method: Upper case.
        bucket: None: the service itself.
        key: None: the bucket itself.
        query: Parsed.
        headers: By lower-case name.

    Raises:
        S3Error: NotImplemented: a part of S3 that is left out; MethodNotAllowed: S3 has no such request;
            InvalidArgument: parameters that do not go together.
    """
    if bucket is None:
        return _by_method(_SERVICE, method, is_served=True)
    table = _BUCKET if key is None else _OBJECT
    subresource = next((name for name in query if name and name in table), "")
    is_form = method == "POST" and key is None
    route = _by_method(table[subresource], method, is_served=not subresource and not is_form)
    if key is None:
        return _LIST_V2 if route.name == "ListObjects" and query.get("list-type") == "2" else route
    if (route.name == "UploadPart") != ("partNumber" in query) and method == "PUT":
        raise S3Error("InvalidArgument", "This operation needs uploadId and partNumber together.")
    return _COPIES.get(route.name, route) if COPY_SOURCE in headers else route


def _by_method(methods: Methods, method: str, *, is_served: bool) -> Route:
    route = methods.get(method)
    if route is not None:
        return route
    if is_served or method not in ("GET", "PUT", "POST", "DELETE"):
        raise S3Error("MethodNotAllowed", headers={"Allow": ", ".join(methods)}, details={"Method": method})
    raise S3Error("NotImplemented")

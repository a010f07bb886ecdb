"""From a request's shape to its operation: two tables, read by subresource and then by method.

A *subresource* is a query parameter that makes a request another one: ``PUT /bucket/key?acl`` stores no
object. One that S3 knows and this gateway does not is refused, never taken for the plain request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from runner.gateway import cors, ownership
from runner.gateway.copy_source import HEADER as COPY_SOURCE
from runner.gateway.errors import S3Error
from runner.gateway.form import fields as form
from runner.gateway.operations import (
    abort_multipart_upload,
    complete_multipart_upload,
    copy_object,
    create_bucket,
    create_multipart_upload,
    delete_bucket,
    delete_object,
    delete_object_tagging,
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
    options_object,
    post_object,
    put_acl,
    put_bucket_cors,
    put_bucket_ownership_controls,
    put_bucket_tagging,
    put_bucket_versioning,
    put_object,
    put_object_tagging,
    put_public_access_block,
    upload_part,
    upload_part_copy,
)
from runner.gateway.operations.absent import absent
from runner.gateway.operations.fixed import fixed
from runner.gateway.operations.stored import reading, removing
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
        "accelerate": {"GET": Route("GetBucketAccelerateConfiguration", fixed("AccelerateConfiguration"))},
        "acl": {
            "GET": Route("GetBucketAcl", get_bucket_acl.run),
            "PUT": Route("PutBucketAcl", put_acl.of_bucket),
        },
        "cors": {
            "GET": Route("GetBucketCors", reading(cors.NAME, "NoSuchCORSConfiguration")),
            "PUT": Route("PutBucketCors", put_bucket_cors.run),
            "DELETE": Route("DeleteBucketCors", removing(cors.NAME)),
        },
        "delete": {"POST": Route("DeleteObjects", delete_objects.run)},
        "encryption": {
            "GET": Route("GetBucketEncryption", absent("ServerSideEncryptionConfigurationNotFoundError")),
            "DELETE": Route("DeleteBucketEncryption", removing("encryption")),
        },
        "lifecycle": {
            "GET": Route("GetBucketLifecycleConfiguration", absent("NoSuchLifecycleConfiguration")),
            "DELETE": Route("DeleteBucketLifecycle", removing("lifecycle")),
        },
        "location": {"GET": Route("GetBucketLocation", get_bucket_location.run)},
        "logging": {"GET": Route("GetBucketLogging", fixed("BucketLoggingStatus"))},
        "notification": {
            "GET": Route("GetBucketNotificationConfiguration", fixed("NotificationConfiguration")),
        },
        "object-lock": {"GET": Route("GetObjectLockConfiguration", absent("ObjectLockConfigurationNotFoundError"))},
        "ownershipControls": {
            "GET": Route("GetBucketOwnershipControls", reading(ownership.NAME, "OwnershipControlsNotFoundError")),
            "PUT": Route("PutBucketOwnershipControls", put_bucket_ownership_controls.run),
            "DELETE": Route("DeleteBucketOwnershipControls", removing(ownership.NAME)),
        },
        "policy": {
            "GET": Route("GetBucketPolicy", absent("NoSuchBucketPolicy")),
            "DELETE": Route("DeleteBucketPolicy", removing("policy")),
        },
        "policyStatus": {"GET": Route("GetBucketPolicyStatus", absent("NoSuchBucketPolicy"))},
        "publicAccessBlock": {
            "GET": Route(
                "GetPublicAccessBlock",
                reading(put_public_access_block.NAME, "NoSuchPublicAccessBlockConfiguration"),
            ),
            "PUT": Route("PutPublicAccessBlock", put_public_access_block.run),
            "DELETE": Route("DeletePublicAccessBlock", removing(put_public_access_block.NAME)),
        },
        "replication": {
            "GET": Route("GetBucketReplication", absent("ReplicationConfigurationNotFoundError")),
            "DELETE": Route("DeleteBucketReplication", removing("replication")),
        },
        "requestPayment": {
            "GET": Route("GetBucketRequestPayment", fixed("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>")),
        },
        "tagging": {
            "GET": Route("GetBucketTagging", reading("tagging", "NoSuchTagSet")),
            "PUT": Route("PutBucketTagging", put_bucket_tagging.run),
            "DELETE": Route("DeleteBucketTagging", removing("tagging")),
        },
        "uploads": {"GET": Route("ListMultipartUploads", list_multipart_uploads.run)},
        "versioning": {
            "GET": Route("GetBucketVersioning", get_bucket_versioning.run),
            "PUT": Route("PutBucketVersioning", put_bucket_versioning.run),
        },
        "versions": {"GET": Route("ListObjectVersions", list_object_versions.run)},
        "website": {
            "GET": Route("GetBucketWebsite", absent("NoSuchWebsiteConfiguration")),
            "DELETE": Route("DeleteBucketWebsite", removing("website")),
        },
        **dict.fromkeys(
            (
                "abac",
                "analytics",
                "intelligent-tiering",
                "inventory",
                "metadataConfiguration",
                "metadataTable",
                "metrics",
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
        "acl": {
            "GET": Route("GetObjectAcl", get_object_acl.run),
            "PUT": Route("PutObjectAcl", put_acl.of_object),
        },
        "attributes": {"GET": Route("GetObjectAttributes", get_object_attributes.run)},
        "tagging": {
            "GET": Route("GetObjectTagging", get_object_tagging.run),
            "PUT": Route("PutObjectTagging", put_object_tagging.run),
            "DELETE": Route("DeleteObjectTagging", delete_object_tagging.run),
        },
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
_FORM = Route("PostObject", post_object.run)
OPTIONS = Route("OptionsObject", options_object.run)
"""Asked by a browser, which sends no credentials yet."""

ROUTES: Sequence[Route] = (
    *(
        route
        for table in (_BUCKET, _OBJECT, {"": _SERVICE})
        for methods in table.values()
        for route in methods.values()
    ),
    *_COPIES.values(),
    _LIST_V2,
    _FORM,
    OPTIONS,
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
    if method == "OPTIONS" and bucket is not None:
        return OPTIONS
    if bucket is None:
        return _by_method(_SERVICE, method, is_served=True)
    table = _BUCKET if key is None else _OBJECT
    subresource = next((name for name in query if name and name in table), "")
    if method == "POST" and key is None and not subresource:
        if not form.is_form(headers):
            raise S3Error("PreconditionFailed", f"Bucket POST must be of the enclosure-type {form.MEDIA_TYPE}")
        return _FORM
    route = _by_method(table[subresource], method, is_served=not subresource)
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

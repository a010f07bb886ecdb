"""Refusals in the words of S3, and the one place that turns errors of the house into them.

Statuses and messages are those of AWS. Handlers contain no ``try``: whatever reaches the border is
given to `translate` there.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from types import MappingProxyType

from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, RunnerError, Unavailable
from runner.store.refusals import (
    AccessDenied,
    BadChecksum,
    BucketAlreadyOwned,
    BucketNotEmpty,
    BucketTaken,
    InvalidBucketName,
    InvalidPart,
    KeyDeleted,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    NotOffered,
    PartTooSmall,
    PreconditionFailed,
    VersionIsMarker,
    ViewClosed,
)

VERSION_HEADER = "x-amz-version-id"
MARKER_HEADER = "x-amz-delete-marker"

_NONE: Mapping[str, str] = MappingProxyType({})

CODES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "AccessControlListNotSupported": (400, "The bucket does not allow ACLs."),
        "AccessDenied": (403, "Access Denied"),
        "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
        "AuthorizationQueryParametersError": (
            400,
            "The authorization query parameters that you provided are not valid.",
        ),
        "BadDigest": (
            400,
            "The Content-MD5 or checksum value that you specified did not match what the server received.",
        ),
        "BadRequest": (400, "Bad Request"),
        "BucketAlreadyExists": (409, "The requested bucket name is not available."),
        "BucketAlreadyOwnedByYou": (
            409,
            "The bucket that you tried to create already exists, and you own it.",
        ),
        "BucketNotEmpty": (409, "The bucket that you tried to delete is not empty."),
        "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
        "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
        "ExpiredToken": (400, "The provided token has expired."),
        "IllegalVersioningConfigurationException": (
            400,
            "The versioning configuration specified in the request is invalid.",
        ),
        "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header."),
        "IncorrectNumberOfFilesInPostRequest": (400, "POST requires exactly one file upload per request."),
        "InternalError": (500, "An internal error occurred."),
        "InvalidAccessKeyId": (403, "The access key ID that you provided does not exist in our records."),
        "InvalidArgument": (400, "Invalid Argument"),
        "InvalidBucketName": (400, "The specified bucket is not valid."),
        "InvalidChunkSizeError": (400, "Only the last chunk is allowed to have a size less than 8192 bytes."),
        "InvalidDigest": (400, "The Content-MD5 or checksum value that you specified is not valid."),
        "InvalidLocationConstraint": (400, "The specified location constraint is not valid."),
        "InvalidPart": (
            400,
            "One or more of the specified parts could not be found, or the entity tag did not match.",
        ),
        "InvalidPartNumber": (416, "The requested partnumber is not satisfiable."),
        "InvalidPartOrder": (
            400,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions specified in the policy."),
        "InvalidRange": (416, "The requested range is not satisfiable."),
        "InvalidRequest": (400, "Invalid Request"),
        "InvalidTag": (400, "The tag provided was not a valid tag."),
        "InvalidURI": (400, "The specified URI couldn't be parsed."),
        "KeyTooLongError": (400, "Your key is too long."),
        "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed multipart/form-data."),
        "MalformedTrailerError": (
            400,
            "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        ),
        "MalformedXML": (
            400,
            "The XML that you provided was not well formed or did not validate against our published schema.",
        ),
        "MaxMessageLengthExceeded": (400, "Your request was too large."),
        "MaxPostPreDataLengthExceeded": (400, "Your POST request fields preceding the upload file were too large."),
        "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size."),
        "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
        "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
        "MissingRequestBodyError": (400, "Request body is empty."),
        "MissingSecurityHeader": (400, "Your request was missing a required header."),
        "NoSuchBucket": (404, "The specified bucket does not exist."),
        "NoSuchBucketPolicy": (404, "The bucket policy does not exist."),
        "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist."),
        "NoSuchKey": (404, "The specified key does not exist."),
        "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist."),
        "NoSuchPublicAccessBlockConfiguration": (404, "The public access block configuration was not found."),
        "NoSuchTagSet": (404, "The TagSet does not exist."),
        "NoSuchUpload": (
            404,
            "The specified multipart upload does not exist. It might have been aborted or completed.",
        ),
        "NoSuchVersion": (404, "The specified version does not exist."),
        "NoSuchWebsiteConfiguration": (404, "The specified bucket does not have a website configuration."),
        "NotImplemented": (
            501,
            "A header or parameter that you provided implies functionality that is not implemented.",
        ),
        "ObjectLockConfigurationNotFoundError": (404, "Object Lock configuration does not exist for this bucket."),
        "OperationAborted": (
            409,
            "A conflicting conditional operation is currently in progress against this resource.",
        ),
        "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found."),
        "PermanentRedirect": (301, "The bucket that you are attempting to access must be addressed otherwise."),
        "PreconditionFailed": (412, "At least one of the preconditions that you specified did not hold."),
        "ReplicationConfigurationNotFoundError": (404, "There is no replication configuration for this bucket."),
        "RequestTimeout": (
            400,
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
        "RequestTimeTooSkewed": (403, "The difference between the request time and the server's time is too large."),
        "ServerSideEncryptionConfigurationNotFoundError": (
            404,
            "The server side encryption configuration was not found.",
        ),
        "ServiceUnavailable": (503, "Service is unable to handle request."),
        "SignatureDoesNotMatch": (
            403,
            "The request signature that the server calculated does not match the signature that you provided.",
        ),
        "SlowDown": (503, "Please reduce your request rate."),
        "UnexpectedContent": (400, "This request contains unsupported content."),
        "UnresolvableGrantByEmailAddress": (
            400,
            "The email address that you provided does not match any account on record.",
        ),
        "XAmzContentSHA256Mismatch": (
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    }
)
"""Status and default message of every code that the gateway answers with."""


class S3Error(Exception):
    """A request is refused.

    Args:
        code: One of `CODES`.
        message: For the person who reads the reply; empty: the code's own.
        status: Another HTTP status than the code's own.
        headers: Further headers of the reply.
        details: Further elements of the XML document, by name.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        status: int | None = None,
        *,
        headers: Mapping[str, str] = _NONE,
        details: Mapping[str, str] = _NONE,
    ) -> None:
        usual_status, usual_message = CODES[code]
        super().__init__(message or usual_message)
        self.code = code
        self.message = message or usual_message
        self.status = status or usual_status
        self.headers = headers
        self.details = details


_FROM_HOUSE: Mapping[type[RunnerError], str] = MappingProxyType(
    {
        NoSuchBucket: "NoSuchBucket",
        NoSuchVersion: "NoSuchVersion",
        NotOffered: "NotImplemented",
        NoSuchUpload: "NoSuchUpload",
        AccessDenied: "AccessDenied",
        BucketAlreadyOwned: "BucketAlreadyOwnedByYou",
        BucketTaken: "BucketAlreadyExists",
        BucketNotEmpty: "BucketNotEmpty",
        InvalidBucketName: "InvalidBucketName",
        PreconditionFailed: "PreconditionFailed",
        ViewClosed: "OperationAborted",
        InvalidPart: "InvalidPart",
        PartTooSmall: "EntityTooSmall",
        BadChecksum: "BadDigest",
        Invalid: "InvalidArgument",
        NotFound: "NoSuchKey",
        Conflict: "OperationAborted",
        Corrupt: "InternalError",
        Unavailable: "ServiceUnavailable",
    }
)


def translate(error: Exception) -> S3Error:
    """Return what a client is told about *error*.

    An error of the house takes the row of its nearest class, so that a concrete error without a row
    answers as its kind. Messages of the house are written for its users and go out; of damage and of
    bugs the client learns no more than that they are ours.
    """
    if isinstance(error, S3Error):
        return error
    if isinstance(error, KeyDeleted):
        return S3Error("NoSuchKey", headers={MARKER_HEADER: "true", VERSION_HEADER: error.version})
    if isinstance(error, VersionIsMarker):
        shown = {
            MARKER_HEADER: "true",
            VERSION_HEADER: error.version,
            "Last-Modified": format_datetime(error.modified, usegmt=True),
        }
        return S3Error("MethodNotAllowed", headers={"Allow": "DELETE", **shown})
    if isinstance(error, NoSuchKey):
        return S3Error("NoSuchKey", error.message, headers={MARKER_HEADER: "false"})
    if isinstance(error, RunnerError) and not isinstance(error, Corrupt):
        for cls in type(error).__mro__:
            if cls in _FROM_HOUSE:
                return S3Error(_FROM_HOUSE[cls], error.message)
    return S3Error("InternalError")
